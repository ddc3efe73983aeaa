"""DCA by time: buy for the same amount at every interval, whatever the price, or only below one.

It believes that the price rises in the long run and that nobody knows when. It never sells; it loses what the market
loses, but on an average price instead of one moment's.
"""

from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated

import msgspec

from trading.ids import Slot
from trading.money import ZERO
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.params import amount
from trading.strategies.contract import Note, SymbolName, View, Wish

SLOT = Slot("B")


class TimeParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="mode", tag="time"):
    symbol: SymbolName
    amount: Annotated[Decimal, amount(gt=0, about="quote amount of each purchase")]
    interval_s: Annotated[int, msgspec.Meta(ge=60, le=31_536_000, description="seconds from one purchase to the next")]
    only_below: Annotated[Decimal, amount(gt=0, about="skip a purchase while the ask is at or above this")] | None = (
        None
    )
    budget: Annotated[Decimal, amount(gt=0, about="quote amount that all purchases together may cost")] | None = None


class TimeState(msgspec.Struct, frozen=True, kw_only=True):
    purchases: int = 0
    """Counts them, and is the cycle of their slot."""
    quantity: Decimal = ZERO
    """Of the purchase under way; zero between two."""
    due_at: datetime | None = None
    spent: Decimal = ZERO
    """By all purchases that are over."""


def decide(view: View, state: TimeState, params: TimeParams) -> Wish:
    notes: list[Note] = []
    if state.quantity and view.finished(_purchase(state, params)):
        state = _note_down(view, state, params, notes)
    # A purchase that is not done when the next is due is given up for it, as soon as it has ended.
    facts = view.slot(SLOT, state.purchases)
    if state.due_at is None or view.now >= state.due_at:
        if state.quantity and facts is not None and facts.live:
            return Wish((), state, tuple(notes))
        if state.quantity:
            state = _note_down(view, state, params, notes)
        state = _begin(view, state, params, notes)
    return Wish((_purchase(state, params),) if state.quantity else (), state, tuple(notes))


def _begin(view: View, state: TimeState, params: TimeParams, notes: list[Note]) -> TimeState:
    symbol = params.symbol
    ask = view.quotes[symbol].ask
    due_at = _next(state.due_at or view.now, view.now, timedelta(seconds=params.interval_s))
    if params.only_below is not None and ask >= params.only_below:
        reason = f"ask {ask} is not below {params.only_below}"
    elif params.budget is not None and state.spent + params.amount > params.budget:
        reason = f"{state.spent} of {params.budget} are spent"
    else:
        quantity = (params.amount / ask).quantize(Decimal("1E-12"), ROUND_FLOOR)
        return msgspec.structs.replace(state, purchases=state.purchases + 1, quantity=quantity, due_at=due_at)
    notes.append(Note(kind="purchase_skipped", symbol=symbol, reason=reason, detail={"next": due_at.isoformat()}))
    return msgspec.structs.replace(state, due_at=due_at)


def _note_down(view: View, state: TimeState, params: TimeParams, notes: list[Note]) -> TimeState:
    """A purchase is over, whether it bought all, some or nothing."""
    facts = view.slot(SLOT, state.purchases)
    paid = facts.net_quote if facts is not None else ZERO
    got = facts.net_base if facts is not None else ZERO
    detail = {"purchase": state.purchases, "paid": paid, "got": got}
    kind, reason = ("purchased", "one interval's amount") if got else ("purchase_missed", "nothing could be bought")
    notes.append(Note(kind=kind, symbol=params.symbol, reason=reason, detail=detail))
    return msgspec.structs.replace(state, quantity=ZERO, spent=state.spent + paid)


def _next(due_at: datetime, now: datetime, interval: timedelta) -> datetime:
    """The next moment in step with the first one. Those that went by while nobody looked are not made up for."""
    return due_at + ((now - due_at) // interval + 1) * interval


def _purchase(state: TimeState, params: TimeParams) -> DesiredOrder:
    return DesiredOrder(
        slot=SLOT,
        cycle=state.purchases,
        symbol=params.symbol,
        side=Side.BUY,
        kind=OrderKind.MARKET,
        quantity=state.quantity,
        purpose=Purpose.ENTRY,
        reason=f"purchase {state.purchases}",
    )
