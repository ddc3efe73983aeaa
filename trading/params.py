"""Settings that people write: strategy params and risk limits, checked field by field."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, TypeVar, get_args

import msgspec

from trading.errors import TradingError

S = TypeVar("S", bound=msgspec.Struct)
AMOUNT_MAX = 10**15
"""No amount is larger: products of two still fit the 28 digits that Decimal keeps exactly."""


class Problem(msgspec.Struct, frozen=True):
    field: str
    value: Any
    allowed: str

    def __str__(self) -> str:
        return f"{self.field} is {_shown(self.value)}; allowed is {self.allowed}"


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


class ParamsRefused(TradingError):
    """Settings that cannot be used: every field that is wrong, its value, and what would be right."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def amount(
    *,
    gt: int | float | None = None,
    ge: int | float | None = None,
    lt: int | float | None = None,
    le: int | float | None = None,
    about: str,
) -> msgspec.Meta:
    """Bounds of a Decimal, as JSON schema says them. msgspec enforces those of ints and floats alone, `parse` these."""
    if lt is None and le is None:
        le = AMOUNT_MAX
    bounds = {"exclusiveMinimum": gt, "minimum": ge, "exclusiveMaximum": lt, "maximum": le}
    extra = {name: bound for name, bound in bounds.items() if bound is not None}
    return msgspec.Meta(description=about, extra_json_schema=extra)


def parse_one_of(kinds: Any, raw: Mapping[str, Any]) -> Any:
    """Read settings that come in several modes: a union of tagged structs, told apart by their tag field."""
    members = {member.__struct_config__.tag: member for member in get_args(kinds)}
    if not members:
        return parse(kinds, raw)
    tag_field = next(iter(members.values())).__struct_config__.tag_field
    chosen = raw.get(tag_field)
    if chosen not in members:
        raise ParamsRefused(Problem(tag_field, chosen, f"one of {', '.join(members)}"))
    return parse(members[chosen], {name: value for name, value in raw.items() if name != tag_field})


def parse(kind: type[S], raw: Mapping[str, Any]) -> S:
    """Read settings from plain JSON types, or refuse them with all that is wrong.

    A JSON number arrives as a float; its shortest text is what the person typed, and that is what is read.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    problems = [Problem(name, raw[name], f"one of {', '.join(fields)}") for name in raw if name not in fields]
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in raw:
            try:
                values[field.name] = value = msgspec.convert(raw[name], field.type)
            except msgspec.ValidationError as error:
                problems.append(_misread(name, raw[name], field.type, str(error)))
            else:
                found = _out_of_bounds(name, value, msgspec.inspect.type_info(field.type))
                # A value that is wrong as a whole is shown as it was typed.
                problems += (Problem(name, raw[name], it.allowed) if it.field == name else it for it in found)
        elif field.required:
            problems.append(Problem(name, None, allowed(field.type)))
    if problems:
        raise ParamsRefused(*problems)
    return kind(**values)


def allowed(kind: Any) -> str:
    """A field's type and bounds in words."""
    schema = msgspec.json.schema(kind)
    if "$ref" in schema:
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    return _words(schema)


def _misread(name: str, value: Any, kind: Any, why: str) -> Problem:
    """msgspec says where inside a value it stopped: `Expected `int` >= 1 - at `$[0].count``."""
    expected, _, where = why.partition(" - at `$")
    inner = where.rstrip("`")
    if not inner:
        return Problem(name, value, allowed(kind))
    return Problem(name + inner, value, expected.replace("`", "").removeprefix("Expected "))


def _out_of_bounds(name: str, value: Any, kind: msgspec.inspect.Type) -> Iterator[Problem]:
    """Every Decimal inside a value that is not a number or not within its bounds."""
    if isinstance(kind, msgspec.inspect.UnionType):
        members = [member for member in kind.types if not isinstance(member, msgspec.inspect.NoneType)]
        if value is not None and len(members) == 1:
            yield from _out_of_bounds(name, value, members[0])
        return
    bounds: Mapping[str, Any] = {}
    if isinstance(kind, msgspec.inspect.Metadata):
        bounds, kind = kind.extra_json_schema or {}, kind.type
    match kind:
        case msgspec.inspect.DecimalType():
            if not _within(value, bounds):
                yield Problem(name, value, _words({"format": "decimal", **bounds}))
        case msgspec.inspect.VarTupleType() | msgspec.inspect.ListType():
            for index, item in enumerate(value):
                yield from _out_of_bounds(f"{name}[{index}]", item, kind.item_type)
        case msgspec.inspect.DictType():
            for key, item in value.items():
                yield from _out_of_bounds(f"{name}.{key}", item, kind.value_type)
        case msgspec.inspect.StructType():
            for field in kind.fields:
                yield from _out_of_bounds(f"{name}.{field.encode_name}", getattr(value, field.name), field.type)


def _within(value: Decimal, bounds: Mapping[str, Any]) -> bool:
    if not value.is_finite():
        return False
    return all(holds(value, Decimal(str(bounds[bound]))) for bound, holds in _BOUNDS.items() if bound in bounds)


_BOUNDS = {
    "exclusiveMinimum": Decimal.__gt__,
    "minimum": Decimal.__ge__,
    "exclusiveMaximum": Decimal.__lt__,
    "maximum": Decimal.__le__,
}
_BOUND_WORDS = {
    "exclusiveMinimum": "above",
    "minimum": "at least",
    "exclusiveMaximum": "below",
    "maximum": "at most",
    "minLength": "at least this long:",
    "maxLength": "at most this long:",
    "minItems": "at least so many items:",
    "maxItems": "at most so many items:",
    "pattern": "matching",
}


def _words(schema: Mapping[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_words(member) for member in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(map(str, schema["enum"]))
    kind = "number" if schema.get("format") == "decimal" else str(schema.get("type", "value"))
    words = [kind, *(f"{word} {schema[bound]}" for bound, word in _BOUND_WORDS.items() if bound in schema)]
    if "items" in schema and isinstance(schema["items"], Mapping):
        words.append(f"of {_words(schema['items'])}")
    return " ".join(words)
