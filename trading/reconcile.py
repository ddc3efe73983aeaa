"""From the orders that should stand to what must be sent and withdrawn so that they do.

A slot's wish is for a total over all attempts of its cycle. Only what is missing of it is sent, and only while nothing
of that slot is on its way, unanswered or working: so wanting twice or hearing twice never trades twice.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from trading.ids import ClientOrderId, Slot, Symbol
from trading.instruments import Instrument, Unfit, fit_price, fit_quantity
from trading.market import Quote
from trading.money import ZERO, floor_to
from trading.orders import UNSETTLED, WORKING, DesiredOrder, Order, OrderState, Side
from trading.slots import SlotFacts

BACKOFF_FIRST = timedelta(seconds=2)
BACKOFF_MAX = timedelta(minutes=5)
CANCEL_AGAIN = timedelta(seconds=5)
"""A cancellation has no outcome of its own: the order's end is its answer. Without one it is asked for again."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What is missing of a wish, fitted to the market's rules. Risk has yet to see it."""

    wish: DesiredOrder
    attempt: int
    quantity: Decimal
    price: Decimal | None
    """None for a market order; `worth_at` then says what it is reckoned at."""
    worth_at: Decimal


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """A wish that cannot be sent, and why."""

    wish: DesiredOrder
    rule: str
    value: Decimal
    limit: Decimal


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    missing: tuple[Missing, ...]
    surplus: tuple[Order, ...]
    """Works at the venue and should not."""
    misfits: tuple[Misfit, ...]


NO_DIFFERENCE = Difference(missing=(), surplus=(), misfits=())


def reconcile(
    desired: Sequence[DesiredOrder],
    *,
    slots: Mapping[Slot, SlotFacts],
    instruments: Mapping[Symbol, Instrument],
    quotes: Mapping[Symbol, Quote],
    cancelling: Mapping[ClientOrderId, datetime],
    now: datetime,
) -> Difference:
    """Compare what should stand with what is known. Sends nothing that waits for an answer, a retry or an end."""
    missing: list[Missing] = []
    surplus: list[Order] = []
    misfits: list[Misfit] = []
    for wish in desired:
        facts = slots.get(wish.slot)
        if facts is not None and (live := facts.live):
            # The common case, seen without rounding anything: the one order is the wish, and nothing of it filled.
            order = live[0]
            if (
                order.price == wish.price
                and order.quantity == wish.quantity
                and not facts.filled
                and order.cycle == wish.cycle
                and order.kind is wish.kind
                and order.side is wish.side
                and order.symbol == wish.symbol
                and len(live) == 1
            ):
                continue
        found = _compare(wish, facts, instruments[wish.symbol], quotes.get(wish.symbol), now)
        if isinstance(found, Missing):
            missing.append(found)
        elif isinstance(found, Misfit):
            misfits.append(found)
        elif found and facts is not None:
            surplus += facts.live
    for slot in sorted(slots.keys() - {wish.slot for wish in desired}):
        surplus += slots[slot].live
    if not (missing or surplus or misfits):
        return NO_DIFFERENCE
    frozen = {order.symbol for facts in slots.values() for order in facts.live if order.state is OrderState.UNKNOWN}
    return Difference(
        missing=tuple(found for found in missing if found.wish.symbol not in frozen),
        surplus=tuple(order for order in surplus if _may_cancel(order, cancelling, now)),
        misfits=tuple(misfits),
    )


def left_of(wish: DesiredOrder, facts: SlotFacts | None, instrument: Instrument, price: Decimal) -> Decimal:
    """How much of a wish can still be traded: nothing, once the rest is too small for the market's rules."""
    filled = facts.filled if facts is not None and facts.cycle == wish.cycle else ZERO
    rest = fit_quantity(instrument, wish.quantity - filled, price)
    return ZERO if isinstance(rest, Unfit) else rest


def retry_at(facts: SlotFacts) -> datetime | None:
    """When a slot whose newest attempts failed may try again; None when nothing failed."""
    if not facts.failures:
        return None
    pause: timedelta = BACKOFF_FIRST * 2 ** min(facts.failures - 1, 16)
    return facts.last.updated_at + min(BACKOFF_MAX, pause)


def _compare(
    wish: DesiredOrder, facts: SlotFacts | None, instrument: Instrument, quote: Quote | None, now: datetime
) -> Missing | Misfit | bool:
    """What is missing, what cannot be, or whether the slot's live orders are in the way."""
    price = None if wish.price is None else fit_price(instrument, wish.side, wish.price)
    worth_at = price if price is not None else _worth(wish.side, quote)
    if worth_at is None:
        return Misfit(wish=wish, rule="no_quote", value=ZERO, limit=ZERO)
    filled, attempt = ZERO, 1
    if facts is not None:
        if facts.cycle > wish.cycle:
            return Misfit(wish=wish, rule="cycle_went_back", value=Decimal(wish.cycle), limit=Decimal(facts.cycle))
        if facts.cycle == wish.cycle:
            filled, attempt = facts.filled, facts.attempt + 1
        if facts.live:
            return not (len(facts.live) == 1 and _stands(facts.live[0], wish, price, filled, instrument))
        if facts.cycle == wish.cycle and (again := retry_at(facts)) is not None and now < again:
            return False
    rest = fit_quantity(instrument, wish.quantity - filled, worth_at)
    if isinstance(rest, Unfit):
        # Once something filled, a rest too small to send is dust; before that the wish itself is wrong.
        return False if filled else Misfit(wish=wish, rule=rest.rule, value=rest.value, limit=rest.limit)
    return Missing(wish=wish, attempt=attempt, quantity=rest, price=price, worth_at=worth_at)


def _stands(order: Order, wish: DesiredOrder, price: Decimal | None, filled: Decimal, instrument: Instrument) -> bool:
    """Whether this order is what the wish asks for. One whose fate is open is left alone until it is known."""
    if order.state in UNSETTLED:
        return True
    if (order.cycle, order.symbol, order.side, order.kind) != (wish.cycle, wish.symbol, wish.side, wish.kind):
        return False
    if order.price != price:
        return False
    rest = floor_to(wish.quantity - filled, instrument.lot_step)
    # A wish above the largest order is worked off in several: this one need not be the whole rest.
    full = instrument.quantity_max and order.quantity >= floor_to(instrument.quantity_max, instrument.lot_step)
    return order.remaining == rest or bool(full and order.remaining <= rest)


def _worth(side: Side, quote: Quote | None) -> Decimal | None:
    if quote is None:
        return None
    return quote.ask if side is Side.BUY else quote.bid


def _may_cancel(order: Order, cancelling: Mapping[ClientOrderId, datetime], now: datetime) -> bool:
    asked_at = cancelling.get(order.client_order_id)
    return order.state in WORKING and (asked_at is None or now - asked_at >= CANCEL_AGAIN)
