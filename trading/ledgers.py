"""Several strategies on one account, each with books of its own: an order's slot says which one it belongs to."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trading.fills import Fill
from trading.ids import Asset, Slot, Symbol, base_of, quote_of
from trading.money import ZERO
from trading.orders import Side
from trading.positions import FLAT, Position, fold

MARK = "~"


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy's part of an account. The flows of all of them add up to the account's."""

    positions: Mapping[Symbol, Position] = {}
    flows: Mapping[Asset, Decimal] = {}


def ledger_of(slot: Slot) -> str:
    """Empty for a strategy that has the account to itself."""
    name, mark, _ = slot.partition(MARK)
    return name if mark else ""


def within(ledger: str, slot: Slot) -> Slot:
    """A strategy's own slot, as the account knows it."""
    return Slot(f"{ledger}{MARK}{slot}")


def own_name(slot: Slot) -> Slot:
    """A slot as its strategy knows it."""
    return Slot(slot.partition(MARK)[2])


def enter(ledger: Ledger, fill: Fill) -> Ledger:
    """The ledger after one more fill."""
    position = fold(ledger.positions.get(fill.symbol, FLAT), fill)
    return Ledger(positions={**ledger.positions, fill.symbol: position}, flows=flow(ledger.flows, fill))


def flow(flows: Mapping[Asset, Decimal], fill: Fill) -> dict[Asset, Decimal]:
    """What a fill adds to each balance and takes from it."""
    base, quote = base_of(fill.symbol), quote_of(fill.symbol)
    quantity, money = fill.quantity, fill.quote
    if fill.side is Side.SELL:
        quantity, money = -quantity, -money
    after = dict(flows)
    after[base] = after.get(base, ZERO) + quantity
    after[quote] = after.get(quote, ZERO) - money
    if fill.fee:
        after[fill.fee_asset] = after.get(fill.fee_asset, ZERO) - fill.fee
    return after
