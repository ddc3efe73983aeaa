"""All that a run's fills have done: positions, what each asset gained or lost, fees. A fold, and nothing but a fold."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trading.fills import Fill
from trading.ids import Asset, Slot, Symbol, TradeId, base_of, quote_of
from trading.ledgers import Ledger, enter, flow, ledger_of
from trading.money import ZERO
from trading.orders import Order
from trading.positions import FLAT, Position, fold

SEEN_MAX = 64
"""Trade ids remembered per symbol. News numbers already keep a fill from being heard twice; this is the second lock."""


class SlotFees(msgspec.Struct, frozen=True, kw_only=True):
    """Fees of a slot's newest cycle in the market's own assets: they change what is held and what it cost."""

    cycle: int
    base: Decimal = ZERO
    quote: Decimal = ZERO


class Books(msgspec.Struct, frozen=True, kw_only=True):
    positions: Mapping[Symbol, Position] = {}
    flows: Mapping[Asset, Decimal] = {}
    """By how much trading has changed each balance: opening balance + flow + transfers = the venue's figure."""
    fees: Mapping[Asset, Decimal] = {}
    foreign_fees: Mapping[Asset, Decimal] = {}
    """The part of `fees` charged in a third asset: in no position's cost, so it is valued beside them."""
    slot_fees: Mapping[Slot, SlotFees] = {}
    ledgers: Mapping[str, Ledger] = {}
    """Of each strategy, where several share the account."""
    seen: Mapping[Symbol, tuple[TradeId, ...]] = {}

    def position(self, symbol: Symbol) -> Position:
        return self.positions.get(symbol, FLAT)


EMPTY = Books()
UNUSED = Ledger()


def record(books: Books, fill: Fill, order: Order | None) -> Books:
    """The books after one more fill; the same books if that trade is in them already."""
    symbol = fill.symbol
    seen = books.seen.get(symbol, ())
    if fill.trade_id in seen:
        return books
    fees, foreign, slot_fees, ledgers = books.fees, books.foreign_fees, books.slot_fees, books.ledgers
    if fill.fee:
        base, quote = base_of(symbol), quote_of(symbol)
        fees = {**fees, fill.fee_asset: fees.get(fill.fee_asset, ZERO) + fill.fee}
        if fill.fee_asset not in (base, quote):
            foreign = {**foreign, fill.fee_asset: foreign.get(fill.fee_asset, ZERO) + fill.fee}
        elif order is not None:
            slot_fees = _charge(slot_fees, fill, order, in_base=fill.fee_asset == base)
    if order is not None and (name := ledger_of(order.slot)):
        ledgers = {**ledgers, name: enter(ledgers.get(name, UNUSED), fill)}
    return Books(
        positions={**books.positions, symbol: fold(books.position(symbol), fill)},
        flows=flow(books.flows, fill),
        fees=fees,
        foreign_fees=foreign,
        slot_fees=slot_fees,
        ledgers=ledgers,
        seen={**books.seen, symbol: (*seen[-SEEN_MAX + 1 :], fill.trade_id)},
    )


def _charge(all_fees: Mapping[Slot, SlotFees], fill: Fill, order: Order, *, in_base: bool) -> Mapping[Slot, SlotFees]:
    known = all_fees.get(order.slot)
    if known is not None and known.cycle > order.cycle:
        return all_fees
    if known is None or known.cycle < order.cycle:
        known = SlotFees(cycle=order.cycle)
    charged = SlotFees(
        cycle=known.cycle,
        base=known.base + fill.fee if in_base else known.base,
        quote=known.quote if in_base else known.quote + fill.fee,
    )
    return {**all_fees, order.slot: charged}
