"""What is held of one market, what it cost, and what selling it earned. Exact: no fraction is lost or made.

Signed throughout: a buy adds quantity and cost, a sale is a negative quantity at a negative cost. So the sum of all
costs that ever came in, less what is still open, is the profit; splitting a lot moves its parts and creates nothing.
"""

from datetime import datetime
from decimal import Decimal

import msgspec

from trading.fills import Fill
from trading.ids import base_of, quote_of
from trading.money import ZERO
from trading.orders import Side

LOTS_MAX = 128
"""Above it the two oldest lots become one: years of buying must not grow without end."""
CENT = Decimal("1E-12")
"""To this a split cost is rounded; the other part gets what is left, so that the sum stays."""


class Lot(msgspec.Struct, frozen=True, array_like=True):
    quantity: Decimal
    cost: Decimal
    """In quote, fees in base and quote included."""
    at: datetime


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One market's holding. Lots are closed first in, first out; `realised` is net of fees in base and quote."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    lots: tuple[Lot, ...] = ()
    wins: int = 0
    losses: int = 0
    won: Decimal = ZERO
    lost: Decimal = ZERO
    losses_in_row: int = 0

    @property
    def average_cost(self) -> Decimal | None:
        """What a unit cost, fees included: selling above it, less the fee of the sale, earns."""
        return self.cost / self.quantity if self.quantity else None

    def unrealised(self, mark: Decimal) -> Decimal:
        return self.quantity * mark - self.cost


FLAT = Position()


def fold(position: Position, fill: Fill) -> Position:
    """The position after one more fill. Whether it was counted before is the caller's to know."""
    quantity, cost = change_of(fill)
    lots = position.lots
    realised = ZERO
    first = 0
    while quantity and first < len(lots) and (lots[first].quantity > 0) != (quantity > 0):
        lot = lots[first]
        if abs(lot.quantity) <= abs(quantity):
            part = _part(cost, -lot.quantity, quantity)
            realised -= lot.cost + part
            quantity += lot.quantity
            cost -= part
            first += 1
        else:
            part = _part(lot.cost, -quantity, lot.quantity)
            realised -= part + cost
            rest = Lot(lot.quantity + quantity, lot.cost - part, lot.at)
            lots = (*lots[:first], rest, *lots[first + 1 :])
            quantity = cost = ZERO
    closed = first > 0 or lots is not position.lots
    lots = lots[first:]
    if quantity:
        lots = (*lots, Lot(quantity, cost, fill.at))
        if len(lots) > LOTS_MAX:
            old, next_old = lots[:2]
            merged = Lot(old.quantity + next_old.quantity, old.cost + next_old.cost, next_old.at)
            lots = (merged, *lots[2:])
    elif cost:
        # A fee can eat a fill whole: nothing is held of it, so its cost is a loss and not a lot.
        realised -= cost
    change, spent = change_of(fill)
    won = realised if closed and realised > 0 else ZERO
    lost = -realised if closed and realised <= 0 else ZERO
    wins = 1 if won else 0
    losses = 1 if closed and not won else 0
    return Position(
        quantity=position.quantity + change,
        cost=position.cost + spent + realised,
        realised=position.realised + realised,
        lots=lots,
        wins=position.wins + wins,
        losses=position.losses + losses,
        won=position.won + won,
        lost=position.lost + lost,
        losses_in_row=0 if wins else position.losses_in_row + losses,
    )


def change_of(fill: Fill) -> tuple[Decimal, Decimal]:
    """What a fill adds to the quantity held and to its cost, fees in the market's own assets included."""
    quantity, cost = fill.quantity, fill.quote
    if fill.side is Side.SELL:
        quantity, cost = -quantity, -cost
    if fill.fee:
        if fill.fee_asset == base_of(fill.symbol):
            quantity -= fill.fee
        elif fill.fee_asset == quote_of(fill.symbol):
            cost += fill.fee
    return quantity, cost


def _part(cost: Decimal, quantity: Decimal, whole: Decimal) -> Decimal:
    """The share of a cost that belongs to a part of its quantity."""
    return cost if quantity == whole else (cost * quantity / whole).quantize(CENT)
