"""Exact numbers. Money and quantities are `Decimal` from the first byte parsed to the last row written."""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation

from trading.errors import TradingError

ZERO = Decimal(0)


class InexactAmount(TradingError, ValueError):
    """A value that cannot stand for money: a float, a NaN, an infinity, or no number at all."""


def exact(value: str | int | Decimal) -> Decimal:
    """Read an amount. Floats are refused: what they lost on the way here cannot be known."""
    if isinstance(value, float | bool):
        raise InexactAmount(f"{value!r} is a {type(value).__name__}; pass a string, an int or a Decimal")
    try:
        amount = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        raise InexactAmount(f"{value!r} is not a number") from None
    if not amount.is_finite():
        raise InexactAmount(f"{value!r} is not finite")
    return amount


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` that is not above `value`."""
    return _to_multiple(value, step, ROUND_FLOOR)


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of `step` that is not below `value`."""
    return _to_multiple(value, step, ROUND_CEILING)


def nearest_to(value: Decimal, step: Decimal) -> Decimal:
    """The multiple of `step` nearest to `value`; halves go to the even multiple."""
    return _to_multiple(value, step, ROUND_HALF_EVEN)


def _to_multiple(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    if step <= 0:
        return value
    return (value / step).quantize(Decimal(1), rounding=rounding) * step


def plain(value: Decimal) -> str:
    """The shortest exact text without an exponent, as venues want it: `0.00001`, not `1E-5`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
