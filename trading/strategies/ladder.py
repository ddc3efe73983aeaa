"""Prices in steps: below an anchor, or between two ends."""

from decimal import Decimal
from enum import StrEnum

from trading.instruments import Instrument, fit_price
from trading.money import ZERO, floor_to
from trading.orders import Side


class Spacing(StrEnum):
    LIST = "list"
    """Each level is named, in per cent below the anchor."""
    ARITHMETIC = "arithmetic"
    """Every step is the same amount of money."""
    GEOMETRIC = "geometric"
    """Every step is the same per cent of the price that it starts from."""


def below(
    anchor: Decimal, spacing: Spacing, *, levels_pct: tuple[Decimal, ...], step_pct: Decimal, count: int
) -> list[Decimal]:
    """`count` prices below an anchor, from the highest. A list that is too short goes on with its last step."""
    if spacing is Spacing.GEOMETRIC:
        return [anchor * (1 - step_pct / 100) ** number for number in range(1, count + 1)]
    if spacing is Spacing.ARITHMETIC:
        per_cents = [step_pct * number for number in range(1, count + 1)]
    else:
        per_cents = list(levels_pct[:count])
        step = levels_pct[-1] - (levels_pct[-2] if len(levels_pct) > 1 else ZERO)
        while len(per_cents) < count:
            per_cents.append(per_cents[-1] + step)
    return [anchor * (1 - per_cent / 100) for per_cent in per_cents]


def between(lower: Decimal, upper: Decimal, lines: int, spacing: Spacing, number: int) -> Decimal:
    """Line `number` of a grid whose line 0 is the lower end. Lines go on in the same way beyond both ends."""
    if spacing is Spacing.ARITHMETIC:
        return lower + (upper - lower) / (lines - 1) * number
    # A root that is no number of few digits: the venue's tick is far coarser than what is lost here.
    ratio = ((upper / lower).ln() / (lines - 1)).exp()
    return lower * ratio**number


def fitted(instrument: Instrument, price: Decimal, quote_amount: Decimal) -> tuple[Decimal, Decimal]:
    """A buy price on the tick, and how many lots that much money buys there."""
    at = fit_price(instrument, Side.BUY, price)
    return at, floor_to(quote_amount / at, instrument.lot_step) if at > 0 else ZERO
