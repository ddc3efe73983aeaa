"""DCA by price: a base order at once, safety orders below it, and a sale above the average of what filled.

It believes what the basket believes, that part of a fall is taken back, but does not wait for the fall: it is in the
market from the first moment. Each safety order is further away and larger than the one before, so the average follows
the price down ever faster. It earns small and almost always; when the last safety order is bought and the price falls
on, it holds everything and only the stop ends it.
"""

from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from trading.ids import Slot
from trading.money import ZERO
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.params import Problem, amount
from trading.strategies.contract import Note, SymbolName, View, Wish
from trading.strategies.deal import Deal, Exits, follow, is_over, leave, sales, tally
from trading.strategies.ladder import fitted

BASE = Slot("B:0")


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    above_pct: Annotated[Decimal, amount(gt=0, le=1000, about="above the average price paid")]
    share_pct: Annotated[Decimal, amount(gt=0, le=100, about="of all that was bought")]


class PriceParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="mode", tag="price"):
    symbol: SymbolName
    base_order: Annotated[Decimal, amount(gt=0, about="quote amount bought when a deal opens")]
    safety_order: Annotated[Decimal, amount(gt=0, about="quote amount of the first safety order")]
    safety_orders: Annotated[int, msgspec.Meta(ge=0, le=200, description="how many at most")] = 5
    safety_orders_open: Annotated[int, msgspec.Meta(ge=1, le=200, description="of these, waiting at a time")] = 5
    step_pct: Annotated[Decimal, amount(gt=0, lt=100, about="first safety order so far below the base order")] = (
        Decimal(1)
    )
    step_scale: Annotated[Decimal, amount(gt=0, le=10, about="each further step so many times the one before")] = (
        Decimal(1)
    )
    volume_scale: Annotated[Decimal, amount(gt=0, le=10, about="each safety order so many times the one before")] = (
        Decimal(1)
    )
    take_profit: tuple[Target, ...] = (Target(Decimal(1), Decimal(100)),)
    """In steps, from the lowest. What they leave over needs a trail."""
    trail_pct: Annotated[Decimal, amount(ge=0, lt=100, about="sell this far below the highest bid; 0: no trail")] = ZERO
    trail_start_pct: Annotated[Decimal, amount(gt=0, le=1000, about="the trail begins this far above the average")] = (
        Decimal(1)
    )
    stop_pct: Annotated[Decimal, amount(gt=0, lt=100, about="sell all this far below the base order")] | None = None
    cool_down_s: Annotated[int, msgspec.Meta(ge=0, le=604_800, description="pause between two deals")] = 0


class Phase(StrEnum):
    RESTING = "resting"
    OPENING = "opening"
    """Its base order is on the way: the safety orders are counted from the price that it gets."""
    ACTIVE = "active"
    CLOSING = "closing"


class Rung(msgspec.Struct, frozen=True, array_like=True):
    price: Decimal
    quantity: Decimal


class PriceState(msgspec.Struct, frozen=True, kw_only=True):
    phase: Phase = Phase.RESTING
    rest_until: datetime | None = None
    deal: Deal = Deal()
    quantity: Decimal = ZERO
    """Of the base order."""
    base_price: Decimal = ZERO
    rungs: tuple[Rung, ...] = ()
    obeyed: tuple[str, ...] = ()


def check(params: PriceParams) -> tuple[Problem, ...]:
    problems = []
    deepest = sum((params.step_pct * params.step_scale**number for number in range(params.safety_orders)), ZERO)
    if deepest >= 100:
        problems.append(Problem("step_scale", params.step_scale, f"steps of less than 100 together, not {deepest:.1f}"))
    shares = sum((target.share_pct for target in params.take_profit), ZERO)
    if shares > 100:
        problems.append(Problem("take_profit", shares, "shares of at most 100 together"))
    if shares < 100 and not params.trail_pct:
        problems.append(Problem("take_profit", shares, "shares of 100 together, or a trail for the rest"))
    above = [target.above_pct for target in params.take_profit]
    if above != sorted(set(above)):
        problems.append(Problem("take_profit", above, "growing targets"))
    if params.stop_pct is not None and params.stop_pct <= deepest:
        problems.append(Problem("stop_pct", params.stop_pct, f"above the last safety order's {deepest:.4f}"))
    return tuple(problems)


def decide(view: View, state: PriceState, params: PriceParams) -> Wish:
    notes: list[Note] = []
    told = {command.name for command in view.commands if command.id not in state.obeyed}
    obeyed = tuple(command.id for command in view.commands)
    if obeyed != state.obeyed:
        state = msgspec.structs.replace(state, obeyed=obeyed)
    if "close" in told and state.phase in (Phase.OPENING, Phase.ACTIVE):
        state = _close(state, leave(state.deal), params, notes, "told to close")
    # Every step that the facts allow is taken at once: a second look must find nothing more to do.
    while (after := _step(view, state, params, notes)) is not state:
        state = after
    return Wish(tuple(_orders(view, state, params)), state, tuple(notes))


def _step(view: View, state: PriceState, params: PriceParams, notes: list[Note]) -> PriceState:
    symbol = params.symbol
    match state.phase:
        case Phase.RESTING:
            if state.rest_until is not None and view.now < state.rest_until:
                return state
            return _open(view, state, params, notes)
        case Phase.OPENING:
            if not view.finished(_base(state, params)):
                return state
            return _climb_down(view, state, params)
        case Phase.ACTIVE:
            stop_at = None if params.stop_pct is None else state.base_price * (1 - params.stop_pct / 100)
            deal, reason = follow(view, symbol, state.deal, _exits(params), stop_at)
            if reason:
                return _close(state, deal, params, notes, reason)
            return state if deal is state.deal else msgspec.structs.replace(state, deal=deal)
        case Phase.CLOSING:
            if not is_over(view, symbol, state.deal):
                return state
            total = tally(view, state.deal.number)
            profit = total.received - total.paid
            notes.append(
                _note("deal_closed", params, "all sold", deal=state.deal.number, profit=profit, left=total.held)
            )
            rest_until = view.now + timedelta(seconds=params.cool_down_s)
            return PriceState(rest_until=rest_until, deal=Deal(number=state.deal.number), obeyed=state.obeyed)


def _open(view: View, state: PriceState, params: PriceParams, notes: list[Note]) -> PriceState:
    ask = view.quotes[params.symbol].ask
    number = state.deal.number + 1
    quantity = (params.base_order / ask).quantize(Decimal("1E-12"), ROUND_FLOOR)
    notes.append(_note("deal_opened", params, "buys its base order", deal=number, ask=ask))
    return PriceState(phase=Phase.OPENING, deal=Deal(number=number), quantity=quantity, obeyed=state.obeyed)


def _climb_down(view: View, state: PriceState, params: PriceParams) -> PriceState:
    """Lay the safety orders below the price that the base order got."""
    facts = view.slot(BASE, state.deal.number)
    base_price = ZERO if facts is None or facts.price is None else facts.price
    below_pct, rungs = ZERO, []
    for number in range(params.safety_orders):
        below_pct += params.step_pct * params.step_scale**number
        price, money = base_price * (1 - below_pct / 100), params.safety_order * params.volume_scale**number
        rungs.append(Rung(*fitted(view.instruments[params.symbol], price, money)))
    return msgspec.structs.replace(state, phase=Phase.ACTIVE, base_price=base_price, rungs=tuple(rungs))


def _close(state: PriceState, deal: Deal, params: PriceParams, notes: list[Note], reason: str) -> PriceState:
    notes.append(_note("deal_closing", params, reason, deal=deal.number))
    return msgspec.structs.replace(state, phase=Phase.CLOSING, deal=deal)


def _orders(view: View, state: PriceState, params: PriceParams) -> list[DesiredOrder]:
    if state.phase is Phase.RESTING:
        return []
    if state.phase is Phase.OPENING:
        return [_base(state, params)]
    waiting = _waiting(view, state, params) if state.phase is Phase.ACTIVE else []
    return [*waiting, *sales(view, params.symbol, state.deal, _exits(params))]


def _waiting(view: View, state: PriceState, params: PriceParams) -> list[DesiredOrder]:
    """The next safety orders that are not bought yet."""
    wishes: list[DesiredOrder] = []
    for number, rung in enumerate(state.rungs, 1):
        if len(wishes) == params.safety_orders_open:
            break
        wish = _buy(state, params, Slot(f"B:{number}"), rung.quantity, rung.price)
        if not view.finished(wish):
            wishes.append(wish)
    return wishes


def _base(state: PriceState, params: PriceParams) -> DesiredOrder:
    return _buy(state, params, BASE, state.quantity, None)


def _buy(state: PriceState, params: PriceParams, slot: Slot, quantity: Decimal, price: Decimal | None) -> DesiredOrder:
    return DesiredOrder(
        slot=slot,
        cycle=state.deal.number,
        symbol=params.symbol,
        side=Side.BUY,
        kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
        quantity=quantity,
        price=price,
        purpose=Purpose.ENTRY,
        reason=f"{'base order' if price is None else 'safety order'} of deal {state.deal.number}",
    )


def _exits(params: PriceParams) -> Exits:
    return Exits(
        targets=tuple((target.above_pct, target.share_pct) for target in params.take_profit),
        trail_start_pct=params.trail_start_pct,
        trail_pct=params.trail_pct,
    )


def _note(kind: str, params: PriceParams, reason: str, **detail: object) -> Note:
    return Note(kind=kind, symbol=params.symbol, reason=reason, detail=detail)
