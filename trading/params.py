"""Settings that people write: strategy params and risk limits, checked field by field."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from trading.errors import TradingError
from trading.money import InexactAmount, exact

S = TypeVar("S", bound=msgspec.Struct)
AMOUNT_MAX = 10**15
"""No amount is larger: products of two still fit the 28 digits that Decimal keeps exactly."""


class Problem(msgspec.Struct, frozen=True):
    field: str
    value: Any
    allowed: str

    def __str__(self) -> str:
        return f"{self.field} is {self.value!r}; allowed is {self.allowed}"


class ParamsRefused(TradingError):
    """Settings that cannot be used: every field that is wrong, its value, and what would be right."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def amount(
    *,
    gt: int | str | None = None,
    ge: int | str | None = None,
    lt: int | str | None = None,
    le: int | str | None = None,
    about: str,
) -> msgspec.Meta:
    """Bounds of a Decimal. msgspec knows bounds of ints and floats alone; `parse` enforces these."""
    if lt is None and le is None:
        le = AMOUNT_MAX
    bounds = {"exclusiveMinimum": gt, "minimum": ge, "exclusiveMaximum": lt, "maximum": le}
    extra = {name: str(bound) for name, bound in bounds.items() if bound is not None}
    return msgspec.Meta(description=about, extra_json_schema=extra)


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
                values[field.name] = _read(field.type, raw[name])
            except (msgspec.ValidationError, InexactAmount, _OutOfBounds):
                problems.append(Problem(name, raw[name], allowed(field.type)))
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


class _OutOfBounds(ValueError):
    pass


def _read(kind: Any, raw: Any) -> Any:
    value = msgspec.convert(raw, kind)
    _check(msgspec.inspect.type_info(kind), value)
    return value


def _check(kind: msgspec.inspect.Type, value: Any) -> None:
    bounds: Mapping[str, Any] = {}
    while isinstance(kind, msgspec.inspect.Metadata):
        bounds = kind.extra_json_schema or {}
        kind = kind.type
    if isinstance(value, Decimal):
        exact(value)
        if any(bound in bounds and not holds(value, Decimal(bounds[bound])) for bound, holds in _BOUNDS.items()):
            raise _OutOfBounds
    elif isinstance(value, tuple) and isinstance(kind, msgspec.inspect.VarTupleType):
        for item in value:
            _check(kind.item_type, item)
    elif isinstance(value, Mapping) and isinstance(kind, msgspec.inspect.DictType):
        for item in value.values():
            _check(kind.value_type, item)
    elif isinstance(kind, msgspec.inspect.UnionType) and value is not None:
        _check(next(member for member in kind.types if not isinstance(member, msgspec.inspect.NoneType)), value)
    elif isinstance(kind, msgspec.inspect.StructType):
        for field in kind.fields:
            _check(field.type, getattr(value, field.name))


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
