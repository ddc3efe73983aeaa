"""Exact numbers as integers. Every amount and price inside this room is a whole number of hundred-millionths.

The venue keeps eight decimals of every asset, so nothing is lost, and integers are what makes the matching engine
fast. Decimal text is the only form in which an amount comes in or goes out.
"""

import re
from decimal import Decimal
from functools import lru_cache

DECIMALS = 8
ONE: int = 10**DECIMALS

_TEXT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")


class Malformed(ValueError):
    """Text that is no plain decimal number: the venue takes no sign, exponent, space or separator."""


class TooPrecise(ValueError):
    """A number with more decimals than the venue keeps."""


@lru_cache(maxsize=4096)
def units(text: str) -> int:
    """Read an amount: `"1.5"` is 150000000."""
    if not _TEXT.fullmatch(text):
        raise Malformed(text)
    whole, _, fraction = text.partition(".")
    if len(fraction) > DECIMALS:
        if fraction[DECIMALS:].strip("0"):
            raise TooPrecise(text)
        fraction = fraction[:DECIMALS]
    return int(whole + fraction.ljust(DECIMALS, "0"))


@lru_cache(maxsize=4096)
def text(amount: int) -> str:
    """Write an amount as the venue does, with all its decimals: `1.50000000`."""
    if amount < 0:
        return "-" + text(-amount)
    return f"{amount // ONE}.{amount % ONE:08d}"


def from_decimal(value: Decimal) -> int:
    """The same amount as units. Refuses what the venue could not hold instead of rounding it."""
    scaled = value * ONE
    if scaled != scaled.to_integral_value():
        raise TooPrecise(str(value))
    return int(scaled)


def to_decimal(amount: int) -> Decimal:
    return Decimal(amount) / ONE


def product(price: int, quantity: int) -> int:
    """What a quantity costs. Exact for every price on the tick and quantity on the step (`markets` sees to that)."""
    return price * quantity // ONE
