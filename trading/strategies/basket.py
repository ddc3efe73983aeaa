"""The grid's basket mode: buy a fall in steps, sell the whole of it a little above its average price.

It believes that a fall ends and part of it is taken back. Each level lowers the average, so a small recovery is enough;
it earns in markets that fall and rise again, and loses when the price leaves the zone downwards and stays there: then
it holds its largest position at its worst moment, and either stops or waits.

A basket is anchored at a price P0 and buys at levels below it (slots `B:1`, `B:2`, …). What is bought is offered in
parts above its average price (`S:TP1`, `S:TP2`), and these move down with every level that fills; the rest follows the
price under a trailing stop (`S:TRAIL`). A price far above P0 with nothing bought means that the basket waits in the
wrong place: it suggests a new anchor, or takes it.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from trading.ids import Slot
from trading.money import ZERO
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.params import Problem, amount
from trading.strategies.contract import Note, SymbolName, View, Wish
from trading.strategies.deal import Deal, Exits, follow, is_over, leave, sales, tally
from trading.strategies.ladder import Spacing, below, fitted

Share = Annotated[Decimal, amount(ge=0, le=100, about="per cent of what was bought")]


class Anchoring(StrEnum):
    SUGGEST = "suggest"
    """Say so in the decision log; the command `reanchor` takes it."""
    AUTO = "auto"


class BasketParams(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="mode", tag="basket"
):
    symbol: SymbolName
    size: Annotated[Decimal, amount(gt=0, about="quote amount of the first level")]
    size_scale: Annotated[Decimal, amount(gt=0, le=10, about="each level so many times the one before; 1 is flat")] = (
        Decimal(1)
    )
    spacing: Spacing = Spacing.ARITHMETIC
    levels_pct: tuple[Annotated[Decimal, amount(gt=0, lt=100, about="per cent below the anchor")], ...] = ()
    """For spacing `list`: the levels themselves, from the highest."""
    levels: Annotated[int, msgspec.Meta(ge=1, le=100, description="levels, for the other spacings")] = 5
    step_pct: Annotated[Decimal, amount(gt=0, lt=100, about="distance of levels, for the other spacings")] = Decimal(1)
    anchor: Annotated[Decimal, amount(gt=0, about="P0 of the first basket; else the price at that moment")] | None = (
        None
    )
    tp1_pct: Annotated[Decimal, amount(gt=0, le=1000, about="first target above the average price paid")] = Decimal(1)
    tp1_share_pct: Share = Decimal(50)
    tp2_pct: Annotated[Decimal, amount(gt=0, le=1000, about="second target above the average price paid")] = Decimal(2)
    tp2_share_pct: Share = Decimal(30)
    trail_pct: Annotated[Decimal, amount(gt=0, lt=100, about="the rest is sold this far below the highest bid")] = (
        Decimal(1)
    )
    trail_start_pct: Annotated[Decimal, amount(gt=0, le=1000, about="the trail begins this far above the average")] = (
        Decimal(2)
    )
    stop_pct: Annotated[Decimal, amount(gt=0, lt=100, about="sell all this far below the lowest level")] | None = None
    extend_levels: Annotated[int, msgspec.Meta(ge=0, le=100, description="further levels once all are bought")] = 0
    reanchor_pct: Annotated[Decimal, amount(gt=0, le=1000, about="P0 is left this far below: anchor anew")] | None = (
        None
    )
    reanchor: Anchoring = Anchoring.SUGGEST
    cool_down_s: Annotated[int, msgspec.Meta(ge=0, le=604_800, description="pause between two baskets")] = 0


class Phase(StrEnum):
    RESTING = "resting"
    """Between two baskets."""
    ACTIVE = "active"
    CLOSING = "closing"
    """Buys no more, and sells at the market what is left."""
    MOVING = "moving"
    """Withdraws its levels, to begin at another price if none of them bought."""


class Level(msgspec.Struct, frozen=True, array_like=True):
    price: Decimal
    quantity: Decimal


class BasketState(msgspec.Struct, frozen=True, kw_only=True):
    phase: Phase = Phase.RESTING
    rest_until: datetime | None = None
    anchor: Decimal = ZERO
    levels: tuple[Level, ...] = ()
    deal: Deal = Deal()
    suggested: bool = False
    obeyed: tuple[str, ...] = ()


def check(params: BasketParams) -> tuple[Problem, ...]:
    problems = []
    if params.spacing is Spacing.LIST:
        ascending = all(low < high for low, high in zip(params.levels_pct, params.levels_pct[1:], strict=False))
        if not params.levels_pct or not ascending:
            return (Problem("levels_pct", params.levels_pct, "a growing list of per cents"),)
    lowest = below(
        Decimal(100),
        params.spacing,
        levels_pct=params.levels_pct,
        step_pct=params.step_pct,
        count=_count(params) + params.extend_levels,
    )[-1]
    if lowest <= 0:
        problems.append(Problem("step_pct", params.step_pct, "steps whose lowest level is above zero"))
    if params.tp1_share_pct + params.tp2_share_pct > 100:
        problems.append(Problem("tp2_share_pct", params.tp2_share_pct, f"at most {100 - params.tp1_share_pct}"))
    if params.tp2_pct < params.tp1_pct:
        problems.append(Problem("tp2_pct", params.tp2_pct, f"at least tp1_pct ({params.tp1_pct})"))
    if params.trail_start_pct < params.tp2_pct:
        problems.append(Problem("trail_start_pct", params.trail_start_pct, f"at least tp2_pct ({params.tp2_pct})"))
    return tuple(problems)


def decide(view: View, state: BasketState, params: BasketParams) -> Wish:
    notes: list[Note] = []
    state, told = _hear(view, state)
    # Every step that the facts allow is taken at once: a second look must find nothing more to do.
    while (after := _step(view, state, params, notes, told)) is not state:
        state, told = after, frozenset()
    return Wish(tuple(_orders(view, state, params)), state, tuple(notes))


def _hear(view: View, state: BasketState) -> tuple[BasketState, frozenset[str]]:
    """The names of commands that were not obeyed before."""
    fresh = frozenset(command.name for command in view.commands if command.id not in state.obeyed)
    obeyed = tuple(command.id for command in view.commands)
    if obeyed == state.obeyed:
        return state, fresh
    return msgspec.structs.replace(state, obeyed=obeyed), fresh


def _step(view: View, state: BasketState, params: BasketParams, notes: list[Note], told: frozenset[str]) -> BasketState:
    symbol = params.symbol
    match state.phase:
        case Phase.RESTING:
            if state.rest_until is not None and view.now < state.rest_until:
                return state
            return _open(view, state, params, notes)
        case Phase.ACTIVE:
            if "close" in told:
                return _close(state, leave(state.deal), params, notes, "told to close")
            if not tally(view, state.deal.number).bought:
                return _look_for_anchor(view, state, params, notes, told)
            stop_at = None if params.stop_pct is None else state.levels[-1].price * (1 - params.stop_pct / 100)
            deal, reason = follow(view, symbol, state.deal, _exits(params), stop_at)
            if reason:
                return _close(state, deal, params, notes, reason)
            return state if deal is state.deal else msgspec.structs.replace(state, deal=deal)
        case Phase.MOVING:
            if any(facts.live for facts in view.slots.values()):
                return state
            if tally(view, state.deal.number).bought:
                return msgspec.structs.replace(state, phase=Phase.ACTIVE)
            return _open(view, state, params, notes)
        case Phase.CLOSING:
            return _finish(view, state, params, notes)


def _open(view: View, state: BasketState, params: BasketParams, notes: list[Note]) -> BasketState:
    symbol = params.symbol
    number = state.deal.number + 1
    anchor = params.anchor if params.anchor is not None and number == 1 else view.quotes[symbol].mid
    prices = below(
        anchor,
        params.spacing,
        levels_pct=params.levels_pct,
        step_pct=params.step_pct,
        count=_count(params) + params.extend_levels,
    )
    levels = tuple(
        Level(*fitted(view.instruments[symbol], price, params.size * params.size_scale**place))
        for place, price in enumerate(prices)
    )
    notes.append(_note("basket_opened", params, "waits below its anchor", basket=number, anchor=anchor))
    return BasketState(phase=Phase.ACTIVE, anchor=anchor, levels=levels, deal=Deal(number=number), obeyed=state.obeyed)


def _look_for_anchor(
    view: View, state: BasketState, params: BasketParams, notes: list[Note], told: frozenset[str]
) -> BasketState:
    """With nothing bought: whether P0 is still the place to wait."""
    bid = view.quotes[params.symbol].bid
    far = params.reanchor_pct is not None and bid > state.anchor * (1 + params.reanchor_pct / 100)
    if "reanchor" in told or (far and params.reanchor is Anchoring.AUTO):
        notes.append(_note("reanchor", params, "leaves its anchor", anchor=state.anchor, bid=bid))
        return msgspec.structs.replace(state, phase=Phase.MOVING)
    if far is state.suggested:
        return state
    if far:
        notes.append(_note("reanchor_suggested", params, "the price has left the zone", anchor=state.anchor, bid=bid))
    return msgspec.structs.replace(state, suggested=far)


def _close(state: BasketState, deal: Deal, params: BasketParams, notes: list[Note], reason: str) -> BasketState:
    notes.append(_note("basket_closing", params, reason, basket=deal.number))
    return msgspec.structs.replace(state, phase=Phase.CLOSING, deal=deal)


def _finish(view: View, state: BasketState, params: BasketParams, notes: list[Note]) -> BasketState:
    if not is_over(view, params.symbol, state.deal):
        return state
    total = tally(view, state.deal.number)
    profit = total.received - total.paid
    notes.append(_note("basket_closed", params, "all sold", basket=state.deal.number, profit=profit, left=total.held))
    return BasketState(
        rest_until=view.now + timedelta(seconds=params.cool_down_s),
        deal=Deal(number=state.deal.number),
        obeyed=state.obeyed,
    )


def _orders(view: View, state: BasketState, params: BasketParams) -> list[DesiredOrder]:
    if state.phase not in (Phase.ACTIVE, Phase.CLOSING):
        return []
    levels = _levels(view, state, params) if state.phase is Phase.ACTIVE else []
    return [*levels, *sales(view, params.symbol, state.deal, _exits(params))]


def _levels(view: View, state: BasketState, params: BasketParams) -> list[DesiredOrder]:
    """All levels of the zone, and of its extension the next one, once all before it are bought."""
    wishes: list[DesiredOrder] = []
    for number, level in enumerate(state.levels, 1):
        if number > _count(params) and not all(map(view.finished, wishes)):
            break
        wishes.append(
            DesiredOrder(
                slot=Slot(f"B:{number}"),
                cycle=state.deal.number,
                symbol=params.symbol,
                side=Side.BUY,
                kind=OrderKind.LIMIT,
                quantity=level.quantity,
                price=level.price,
                purpose=Purpose.ENTRY,
                reason=f"level {number} of basket {state.deal.number}",
            )
        )
    return wishes


def _exits(params: BasketParams) -> Exits:
    trails = params.tp1_share_pct + params.tp2_share_pct < 100
    return Exits(
        targets=((params.tp1_pct, params.tp1_share_pct), (params.tp2_pct, params.tp2_share_pct)),
        trail_start_pct=params.trail_start_pct,
        trail_pct=params.trail_pct if trails else ZERO,
    )


def _count(params: BasketParams) -> int:
    return len(params.levels_pct) if params.spacing is Spacing.LIST else params.levels


def _note(kind: str, params: BasketParams, reason: str, **detail: object) -> Note:
    return Note(kind=kind, symbol=params.symbol, reason=reason, detail=detail)
