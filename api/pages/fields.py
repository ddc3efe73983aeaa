"""Forms made from JSON schemas: a strategy's params as fields, and what was typed into them as params again."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import msgspec

Schema = Mapping[str, Any]


class Kind(StrEnum):
    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    CHOICE = "choice"
    SWITCH = "switch"
    LIST = "list"
    """One a line, or with commas between."""
    SHARES = "shares"
    """A name and a number a line."""
    JSON = "json"


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a form, with what stands in it and what is wrong with it."""

    name: str
    kind: Kind
    about: str = ""
    bounds: str = ""
    required: bool = False
    default: str = ""
    choices: tuple[str, ...] = ()
    value: str = ""
    error: str = ""


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """All fields of one mode of a strategy. Those that have a default come after those that must be filled in."""

    mode_field: str = ""
    modes: tuple[str, ...] = ()
    mode: str = ""
    fields: tuple[Field, ...] = ()

    @property
    def needed(self) -> list[Field]:
        return [field for field in self.fields if field.required]

    @property
    def extra(self) -> list[Field]:
        return [field for field in self.fields if not field.required]


def make_form(schema: Schema, values: Mapping[str, Any], errors: Mapping[str, str], mode: str = "") -> Form:
    """The form of a schema. With several modes, of the one asked for, else of the one that the values are of."""
    definitions: Schema = schema.get("$defs", {})
    if "anyOf" in schema:
        discriminator = schema["discriminator"]
        mode_field, mapping = discriminator["propertyName"], discriminator["mapping"]
        chosen = str(next((one for one in (mode, values.get(mode_field)) if one in mapping), next(iter(mapping))))
        shape = resolve({"$ref": mapping[chosen]}, definitions)
    else:
        mode_field, mapping, chosen, shape = "", {}, "", resolve(schema, definitions)
    fields = tuple(
        make_field(name, inner, definitions, values, errors, required=name in shape.get("required", ()))
        for name, inner in shape["properties"].items()
        if name != mode_field
    )
    return Form(mode_field=mode_field, modes=tuple(mapping), mode=chosen, fields=fields)


def resolve(schema: Schema, definitions: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    inner = resolve(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {**inner, **{name: value for name, value in schema.items() if name != "$ref"}}


def make_field(
    name: str,
    schema: Schema,
    definitions: Schema,
    values: Mapping[str, Any],
    errors: Mapping[str, str],
    *,
    required: bool,
) -> Field:
    shape = resolve(schema, definitions)
    if "anyOf" in shape:  # a value or nothing
        member = next(one for one in shape["anyOf"] if one.get("type") != "null")
        shape = {**resolve(member, definitions), **{key: value for key, value in shape.items() if key != "anyOf"}}
    kind = kind_of(shape, definitions)
    default = shape.get("default")
    return Field(
        name=name,
        kind=kind,
        about=shape.get("description", "") or resolve(shape.get("items", {}), definitions).get("description", ""),
        bounds=bounds_of(shape),
        required=required,
        default=written(kind, default),
        choices=tuple(map(str, shape.get("enum", ()))),
        value=written(kind, values[name]) if name in values else written(kind, default),
        error=errors.get(name, ""),
    )


def kind_of(shape: Schema, definitions: Schema) -> Kind:
    if "enum" in shape:
        return Kind.CHOICE
    if shape.get("format") == "decimal":
        return Kind.NUMBER
    match shape.get("type"):
        case "integer":
            return Kind.WHOLE
        case "boolean":
            return Kind.SWITCH
        case "array":
            items = resolve(shape.get("items", {}), definitions)
            return Kind.LIST if items.get("type") == "string" else Kind.JSON
        case "object":
            inner = shape.get("additionalProperties")
            return Kind.SHARES if isinstance(inner, Mapping) and inner.get("format") == "decimal" else Kind.JSON
    return Kind.TEXT


LIMITS = {"exclusiveMinimum": "> {}", "minimum": "≥ {}", "exclusiveMaximum": "< {}", "maximum": "≤ {}"}
ENDLESS = 10**15
"""The bound of every amount: it keeps arithmetic exact and tells nobody anything."""


def bounds_of(shape: Schema) -> str:
    return ", ".join(
        said.format(shape[name]) for name, said in LIMITS.items() if name in shape and shape[name] != ENDLESS
    )


def written(kind: Kind, value: Any) -> str:
    """A param as it stands in its field."""
    if value is None:
        return ""
    match kind:
        case Kind.SWITCH:
            return "on" if value else ""
        case Kind.LIST if isinstance(value, Sequence) and not isinstance(value, str):
            return ", ".join(map(str, value))
        case Kind.SHARES if isinstance(value, Mapping):
            return "\n".join(f"{name} {share}" for name, share in value.items())
        case Kind.JSON if not isinstance(value, str):
            return json.dumps(value, indent=1)
    return str(value)


def read_params(form: Form, typed: Mapping[str, str]) -> dict[str, Any]:
    """Params from what was typed. What is no number stays as it is: the strategy says what is wrong with it."""
    params: dict[str, Any] = {form.mode_field: form.mode} if form.mode_field else {}
    for field in form.fields:
        text = typed.get(field.name, "").strip()
        if field.kind is Kind.SWITCH:
            params[field.name] = bool(text)
        elif text:
            params[field.name] = read_value(field.kind, text)
    return params


def read_value(kind: Kind, text: str) -> Any:
    match kind:
        case Kind.WHOLE:
            return int(text) if text.lstrip("-").isdecimal() else text
        case Kind.NUMBER:
            return text.replace(" ", "").replace(",", ".")
        case Kind.LIST:
            return [part for part in text.replace(",", " ").split() if part]
        case Kind.SHARES:
            pairs = [line.replace("=", " ").replace(":", " ").split() for line in text.splitlines() if line.strip()]
            return {pair[0]: pair[1].rstrip("%") if len(pair) > 1 else "" for pair in pairs}
        case Kind.JSON:
            try:
                return json.loads(text)
            except ValueError:
                return text
    return text


def errors_by_field(pointers: Mapping[str, str]) -> dict[str, str]:
    """From JSON pointers to the fields that they are in: `/params/targets/BTC` is said at `targets`."""
    found: dict[str, str] = {}
    for pointer, detail in pointers.items():
        parts = pointer.removeprefix("?").strip("/").split("/")
        name = parts[1] if parts[0] == "params" and len(parts) > 1 else parts[0]
        found.setdefault(name.split("[")[0].split(".")[0], detail)
    return found
