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

from trading.ids import Slot, Symbol
from trading.instruments import Instrument, Unfit, fit_price, fit_quantity
from trading.money import ZERO, floor_to, plain
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.params import Problem, amount
from trading.strategies.contract import Note, SymbolName, View, Wish
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
    number: int = 0
    """Counts baskets, and is the cycle of all their slots."""
    phase: Phase = Phase.RESTING
    rest_until: datetime | None = None
    anchor: Decimal = ZERO
    levels: tuple[Level, ...] = ()
    bought: Decimal = ZERO
    """What the targets are for; grows level by level and not with every crumb, which would move them all the time."""
    paid: Decimal = ZERO
    peak: Decimal = ZERO
    """The highest bid since the trail began; zero before."""
    exit_slot: Slot = Slot("S:STOP")
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
    match state.phase:
        case Phase.RESTING:
            if state.rest_until is not None and view.now < state.rest_until:
                return state
            return _open(view, state, params, notes)
        case Phase.ACTIVE:
            tally = _tally(view, state)
            if "close" in told:
                return _leave(state, params, notes, Slot("S:STOP"), "told to close")
            if not tally.bought:
                return _look_for_anchor(view, state, params, notes, told)
            return _follow(view, state, params, notes, tally)
        case Phase.MOVING:
            if any(facts.live for facts in view.slots.values()):
                return state
            if _tally(view, state).bought:
                return msgspec.structs.replace(state, phase=Phase.ACTIVE)
            return _open(view, state, params, notes)
        case Phase.CLOSING:
            return _finish(view, state, params, notes)


def _open(view: View, state: BasketState, params: BasketParams, notes: list[Note]) -> BasketState:
    symbol = Symbol(params.symbol)
    instrument = view.instruments[symbol]
    anchor = params.anchor if params.anchor is not None and state.number == 0 else view.quotes[symbol].mid
    prices = below(
        anchor,
        params.spacing,
        levels_pct=params.levels_pct,
        step_pct=params.step_pct,
        count=_count(params) + params.extend_levels,
    )
    levels = tuple(
        Level(*fitted(instrument, price, params.size * params.size_scale**number))
        for number, price in enumerate(prices)
    )
    number = state.number + 1
    notes.append(_note("basket_opened", params, "waits below its anchor", basket=number, anchor=anchor))
    return BasketState(number=number, phase=Phase.ACTIVE, anchor=anchor, levels=levels, obeyed=state.obeyed)


def _look_for_anchor(
    view: View, state: BasketState, params: BasketParams, notes: list[Note], told: frozenset[str]
) -> BasketState:
    """With nothing bought: whether P0 is still the place to wait."""
    bid = view.quotes[Symbol(params.symbol)].bid
    far = params.reanchor_pct is not None and bid > state.anchor * (1 + params.reanchor_pct / 100)
    if "reanchor" in told or (far and params.reanchor is Anchoring.AUTO):
        notes.append(_note("reanchor", params, "leaves its anchor", anchor=state.anchor, bid=bid))
        return msgspec.structs.replace(state, phase=Phase.MOVING)
    if far is state.suggested:
        return state
    if far:
        notes.append(_note("reanchor_suggested", params, "the price has left the zone", anchor=state.anchor, bid=bid))
    return msgspec.structs.replace(state, suggested=far)


def _follow(view: View, state: BasketState, params: BasketParams, notes: list[Note], tally: "Tally") -> BasketState:
    """With something bought: stop, trail, or done; else move the targets along."""
    symbol = Symbol(params.symbol)
    bid = view.quotes[symbol].bid
    if params.stop_pct is not None and bid <= (stop := state.levels[-1].price * (1 - params.stop_pct / 100)):
        return _leave(state, params, notes, Slot("S:STOP"), f"bid {plain(bid)} at or below the stop {plain(stop)}")
    if tally.sold and _unsellable(view, params, tally.held):
        return _leave(state, params, notes, Slot("S:STOP"), "all sold")
    average = tally.paid / tally.bought
    peak = state.peak
    if params.tp1_share_pct + params.tp2_share_pct < 100 and (
        peak or bid >= average * (1 + params.trail_start_pct / 100)
    ):
        peak = max(peak, bid)
        if bid <= peak * (1 - params.trail_pct / 100):
            return _leave(state, params, notes, Slot("S:TRAIL"), f"bid {bid} below its peak {peak}")
    settled = _tally(view, state, bid)
    bought, paid = (settled.bought, settled.paid) if settled.bought > state.bought else (state.bought, state.paid)
    if (peak, bought) == (state.peak, state.bought):
        return state
    return msgspec.structs.replace(state, peak=peak, bought=bought, paid=paid)


def _leave(state: BasketState, params: BasketParams, notes: list[Note], slot: Slot, reason: str) -> BasketState:
    notes.append(_note("basket_closing", params, reason, basket=state.number))
    return msgspec.structs.replace(state, phase=Phase.CLOSING, exit_slot=slot)


def _finish(view: View, state: BasketState, params: BasketParams, notes: list[Note]) -> BasketState:
    tally = _tally(view, state)
    if any(facts.live for facts in view.slots.values()) or not _unsellable(view, params, tally.held):
        return state
    profit = tally.received - tally.paid
    notes.append(_note("basket_closed", params, "all sold", basket=state.number, profit=profit, left=tally.held))
    rest_until = view.now + timedelta(seconds=params.cool_down_s)
    return BasketState(number=state.number, phase=Phase.RESTING, rest_until=rest_until, obeyed=state.obeyed)


def _orders(view: View, state: BasketState, params: BasketParams) -> list[DesiredOrder]:
    if state.phase is Phase.ACTIVE:
        return [*_levels(view, state, params), *_targets(view, state, params)]
    others = any(facts.live for slot, facts in view.slots.items() if slot != state.exit_slot)
    if state.phase is not Phase.CLOSING or others:
        return []
    tally, own = _tally(view, state), view.slot(state.exit_slot, state.number)
    total = tally.held + (own.filled if own is not None else ZERO)
    if own is None and _unsellable(view, params, total):
        return []
    return [_sale(state, params, state.exit_slot, total, None)]


def _levels(view: View, state: BasketState, params: BasketParams) -> list[DesiredOrder]:
    """All levels of the zone, and of its extension the next one, once all before it are bought."""
    wishes: list[DesiredOrder] = []
    for number, level in enumerate(state.levels, 1):
        if number > _count(params) and not all(map(view.finished, wishes)):
            break
        wishes.append(
            DesiredOrder(
                slot=Slot(f"B:{number}"),
                cycle=state.number,
                symbol=Symbol(params.symbol),
                side=Side.BUY,
                kind=OrderKind.LIMIT,
                quantity=level.quantity,
                price=level.price,
                purpose=Purpose.ENTRY,
                reason=f"level {number} of basket {state.number}",
            )
        )
    return wishes


def _targets(view: View, state: BasketState, params: BasketParams) -> list[DesiredOrder]:
    """Both targets above the average price. A part too small to be sold alone goes with the next one."""
    if not state.bought:
        return []
    instrument = view.instruments[Symbol(params.symbol)]
    average = state.paid / state.bought
    first_at = fit_price(instrument, Side.SELL, average * (1 + params.tp1_pct / 100))
    second_at = fit_price(instrument, Side.SELL, average * (1 + params.tp2_pct / 100))
    sold_first, sold_second = (_sold(view, state, slot) for slot in (TP1, TP2))
    first = floor_to(state.bought * params.tp1_share_pct / 100, instrument.lot_step)
    trailed = floor_to(state.bought * (100 - params.tp1_share_pct - params.tp2_share_pct) / 100, instrument.lot_step)
    if not sold_first and not _fits(instrument, first, first_at):
        first = ZERO
    if not _fits(instrument, trailed, second_at):
        trailed = ZERO
    first = min(max(first, sold_first), state.bought - sold_second)
    second = max(state.bought - first - trailed, sold_second)
    if not sold_second and not _fits(instrument, second, second_at):
        # What the second target cannot sell alone, the first one or the trail takes along.
        first, second = (state.bought - trailed if first and not trailed else first), ZERO
    second = min(second, state.bought - first)
    parts = ((TP1, first, first_at), (TP2, second, second_at))
    return [_sale(state, params, slot, quantity, price) for slot, quantity, price in parts if quantity]


TP1, TP2 = Slot("S:TP1"), Slot("S:TP2")


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a basket has bought and sold so far, fees included."""

    bought: Decimal
    paid: Decimal
    sold: Decimal
    received: Decimal

    @property
    def held(self) -> Decimal:
        return self.bought - self.sold


def _tally(view: View, state: BasketState, bid: Decimal | None = None) -> Tally:
    """Add up the basket's slots. With a bid, without what a level is buying just now."""
    bought = paid = sold = received = ZERO
    for facts in view.slots.values():
        if facts.cycle != state.number or not facts.filled:
            continue
        if facts.side is Side.SELL:
            sold += facts.net_base
            received += facts.net_quote
        elif bid is None or not facts.live or (facts.last.price is not None and bid > facts.last.price):
            bought += facts.net_base
            paid += facts.net_quote
    return Tally(bought=bought, paid=paid, sold=sold, received=received)


def _sale(
    state: BasketState, params: BasketParams, slot: Slot, quantity: Decimal, price: Decimal | None
) -> DesiredOrder:
    return DesiredOrder(
        slot=slot,
        cycle=state.number,
        symbol=Symbol(params.symbol),
        side=Side.SELL,
        kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
        quantity=quantity,
        price=price,
        purpose=Purpose.EXIT,
        reason=f"{slot.removeprefix('S:')} of basket {state.number}",
    )


def _sold(view: View, state: BasketState, slot: Slot) -> Decimal:
    facts = view.slot(slot, state.number)
    return facts.filled if facts is not None else ZERO


def _unsellable(view: View, params: BasketParams, quantity: Decimal) -> bool:
    symbol = Symbol(params.symbol)
    return not _fits(view.instruments[symbol], quantity, view.quotes[symbol].bid)


def _fits(instrument: Instrument, quantity: Decimal, price: Decimal) -> bool:
    return not isinstance(fit_quantity(instrument, quantity, price), Unfit)


def _count(params: BasketParams) -> int:
    return len(params.levels_pct) if params.spacing is Spacing.LIST else params.levels


def _note(kind: str, params: BasketParams, reason: str, **detail: object) -> Note:
    return Note(kind=kind, symbol=Symbol(params.symbol), reason=reason, detail=detail)
