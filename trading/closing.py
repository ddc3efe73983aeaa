"""The end of a run: withdraw what rests, then sell what is held, and say when nothing is left to do."""

from collections.abc import Mapping
from decimal import Decimal

from trading.books import Books
from trading.events import CloseMode
from trading.ids import Asset, Slot, Symbol, base_of
from trading.instruments import Instrument, Unfit, fit_price, fit_quantity
from trading.market import Quote
from trading.money import ZERO
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.slots import SlotFacts

FOLLOW = Decimal("0.002")
"""How far the best ask may move before an offer follows it: less often would wait, more often would only cancel."""


def closing_orders(
    mode: CloseMode,
    *,
    books: Books,
    slots: Mapping[Slot, SlotFacts],
    instruments: Mapping[Symbol, Instrument],
    quotes: Mapping[Symbol, Quote],
    balances: Mapping[Asset, tuple[Decimal, Decimal]],
) -> tuple[DesiredOrder, ...]:
    """What should stand while a run ends. Nothing, in a market where other orders of the run still work."""
    if mode is CloseMode.CANCEL:
        return ()
    busy = {order.symbol for slot, facts in slots.items() for order in facts.live if slot != close_slot(order.symbol)}
    orders = []
    for symbol, position in books.positions.items():
        instrument, quote = instruments.get(symbol), quotes.get(symbol)
        if symbol in busy or instrument is None or quote is None:
            continue
        facts = slots.get(close_slot(symbol))
        sold = facts.filled if facts is not None else ZERO
        # What was moved away by hand cannot be sold; free and locked together do not change while orders come and go.
        held = min(position.quantity, sum(balances.get(base_of(symbol), ()), ZERO))
        live = facts is not None and bool(facts.live)
        if not live and isinstance(fit_quantity(instrument, held, quote.bid), Unfit):
            continue
        orders.append(
            DesiredOrder(
                slot=close_slot(symbol),
                cycle=1,
                symbol=symbol,
                side=Side.SELL,
                kind=OrderKind.MARKET if mode is CloseMode.MARKET else OrderKind.LIMIT,
                quantity=sold + held,
                price=None if mode is CloseMode.MARKET else _offer(instrument, quote, facts),
                purpose=Purpose.EXIT,
                reason="the run is closing",
            )
        )
    return tuple(orders)


def close_slot(symbol: Symbol) -> Slot:
    return Slot(f"close:{symbol}")


def _offer(instrument: Instrument, quote: Quote, facts: SlotFacts | None) -> Decimal:
    ask = fit_price(instrument, Side.SELL, quote.ask)
    if facts is None or not facts.live or (standing := facts.live[0].price) is None:
        return ask
    return standing if abs(standing - ask) <= ask * FOLLOW else ask
