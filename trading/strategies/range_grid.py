"""The grid's range mode: lines between two prices; buy at one, sell at the next, over and over.

It believes that the price goes to and fro between the ends. Every crossing of a cell (two neighbouring lines) earns the
same small profit. It loses when the price leaves the range: above, it has sold everything and earns no more; below, it
has bought everything and holds it.

Each cell works alone: it buys at its lower line (slot `B:n`) and offers what it got at its upper one (`S:n`). A cell
above the price waits until the price has passed its lower line, or buys at once if asked to. Trailing moves the whole
range by whole lines, a limited number of times, so that the money at work stays limited too.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from trading.ids import Slot
from trading.instruments import Instrument, Unfit, fit_price, fit_quantity
from trading.money import ZERO
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.params import Problem, amount
from trading.strategies.contract import Note, SymbolName, View, Wish
from trading.strategies.ladder import Spacing, between, fitted

Price = Annotated[Decimal, amount(gt=0, about="a price")]
EXIT = Slot("S:STOP")
# Python 3.11 takes its time to find a member of an enum: too long to look for it per cell and look.
BUY, LIMIT, ENTRY = Side.BUY, OrderKind.LIMIT, Purpose.ENTRY


class RangeParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="mode", tag="range"):
    symbol: SymbolName
    lower: Annotated[Decimal, amount(gt=0, about="price of the lowest line")]
    upper: Annotated[Decimal, amount(gt=0, about="price of the highest line")]
    lines: Annotated[int, msgspec.Meta(ge=2, le=201, description="lines, both ends included")]
    spacing: Spacing = Spacing.ARITHMETIC
    quote_per_line: Annotated[Decimal, amount(gt=0, about="quote amount that each cell buys for")]
    buy_at_start: bool = False
    """Buy at once for the cells above the price, so that they can sell."""
    trail_up_lines: Annotated[int, msgspec.Meta(ge=0, le=1000, description="how far the range may move up")] = 0
    trail_down_lines: Annotated[int, msgspec.Meta(ge=0, le=1000, description="how far the range may move down")] = 0
    stop_price: Price | None = None
    """At this bid or below, everything is sold and the grid ends."""
    take_profit_price: Price | None = None
    """At this bid or above, everything is sold and the grid ends."""


class Phase(StrEnum):
    WAITING = "waiting"
    """The price is below this cell: buying now would be dearer than its line."""
    BUYING = "buying"
    SELLING = "selling"
    LEAVING = "leaving"
    """Outside of the range that moved on: buys no more, sells what it has, and is gone."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    """Of its lower line; negative below the first range."""
    slot: Slot
    """Where it buys: kept, since a look asks for it time and again."""
    phase: Phase = Phase.WAITING
    cycle: int = 1
    buy_at: Decimal
    sell_at: Decimal
    quantity: Decimal


class Course(StrEnum):
    RUNNING = "running"
    CLOSING = "closing"
    ENDED = "ended"


class RangeState(msgspec.Struct, frozen=True, kw_only=True):
    course: Course = Course.RUNNING
    moved: int = 0
    """By how many lines the range has moved, down being negative."""
    cells: tuple[Cell, ...] = ()
    turns: int = 0
    profit: Decimal = ZERO
    """Of all cells that bought and sold, net of fees."""
    refused: bool = False
    obeyed: tuple[str, ...] = ()


def check(params: RangeParams) -> tuple[Problem, ...]:
    problems = []
    if params.spacing is Spacing.LIST:
        problems.append(Problem("spacing", params.spacing, "arithmetic or geometric"))
    if params.upper <= params.lower:
        problems.append(Problem("upper", params.upper, f"above lower ({params.lower})"))
    if params.stop_price is not None and params.stop_price >= params.lower:
        problems.append(Problem("stop_price", params.stop_price, f"below lower ({params.lower})"))
    if params.take_profit_price is not None and params.take_profit_price <= params.upper:
        problems.append(Problem("take_profit_price", params.take_profit_price, f"above upper ({params.upper})"))
    return tuple(problems)


def profit_per_line(params: RangeParams, instrument: Instrument, number: int = 0) -> Decimal:
    """Per cent that a cell earns with one purchase and one sale, both fees paid."""
    buy_at = fit_price(instrument, Side.BUY, _line(params, number))
    sell_at = fit_price(instrument, Side.SELL, _line(params, number + 1))
    kept = (1 - instrument.maker_fee) ** 2
    return (sell_at / buy_at * kept - 1) * 100


def decide(view: View, state: RangeState, params: RangeParams) -> Wish:
    symbol = params.symbol
    notes: list[Note] = []
    fresh = {command.name for command in view.commands if command.id not in state.obeyed}
    obeyed = tuple(command.id for command in view.commands)
    if obeyed != state.obeyed:
        state = msgspec.structs.replace(state, obeyed=obeyed)
    if not state.cells and state.course is Course.RUNNING:
        state = _open(view, state, params, notes)
    if state.course is Course.RUNNING and state.cells:
        state = _run(view, state, params, notes)
        bid = view.quotes[symbol].bid
        if reason := _end(bid, params, "close" in fresh):
            notes.append(_note("grid_closing", params, reason, bid=bid, profit=state.profit, turns=state.turns))
            state = msgspec.structs.replace(state, course=Course.CLOSING)
    if state.course is Course.CLOSING:
        held = _held(view, state)
        working = any(facts.live for facts in view.slots.values())
        if not working and not _sellable(view.instruments[symbol], held, view.quotes[symbol].bid):
            notes.append(_note("grid_ended", params, "all sold", left=held))
            state = msgspec.structs.replace(state, course=Course.ENDED)
    return Wish(tuple(_orders(view, state, params)), state, tuple(notes))


def _open(view: View, state: RangeState, params: RangeParams, notes: list[Note]) -> RangeState:
    symbol = params.symbol
    instrument, ask = view.instruments[symbol], view.quotes[symbol].ask
    earns = [profit_per_line(params, instrument, number) for number in range(params.lines - 1)]
    if min(earns) <= 0:
        if not state.refused:
            notes.append(_note("grid_refused", params, "a cell would lose to fees", per_cent_per_line=min(earns)))
        return state if state.refused else msgspec.structs.replace(state, refused=True)
    cells = []
    for number in range(params.lines - 1):
        cell = _cell(params, instrument, number)
        if ask > cell.buy_at:
            cell = msgspec.structs.replace(cell, phase=Phase.BUYING)
        elif params.buy_at_start:
            buy_at, quantity = fitted(instrument, ask, params.quote_per_line)
            cell = msgspec.structs.replace(cell, phase=Phase.BUYING, buy_at=buy_at, quantity=quantity)
        cells.append(cell)
    notes.append(_note("grid_opened", params, "per cent per line, net", least=min(earns), most=max(earns)))
    return msgspec.structs.replace(state, cells=tuple(cells), refused=False)


def _run(view: View, state: RangeState, params: RangeParams, notes: list[Note]) -> RangeState:
    """Move every cell as far as the facts allow, then the range itself."""
    slots, buying = view.slots, Phase.BUYING
    # Most cells at most looks: nothing has happened to them.
    quiet = {
        cell.number
        for cell in state.cells
        if cell.phase is buying and ((bought := slots.get(cell.slot)) is None or not bought.filled)
    }
    if len(quiet) < len(state.cells):
        state = _move_cells(view, state, params, notes, quiet)
    while (moved := _trail(view, state, params)) is not state:
        notes.append(_note("grid_moved", params, "the price left the range", lines=moved.moved))
        state = moved
    return state


def _move_cells(view: View, state: RangeState, params: RangeParams, notes: list[Note], quiet: set[int]) -> RangeState:
    cells: list[Cell] = []
    for cell in state.cells:
        after, profit = (cell, None) if cell.number in quiet else _advance(view, cell, params)
        if profit is not None:
            notes.append(
                _note("cell_sold", params, "bought and sold", line=cell.number, turn=cell.cycle, profit=profit)
            )
            state = msgspec.structs.replace(state, turns=state.turns + 1, profit=state.profit + profit)
        if after is not None:
            cells.append(after)
    return state if cells == list(state.cells) else msgspec.structs.replace(state, cells=tuple(cells))


def _advance(view: View, cell: Cell, params: RangeParams) -> tuple[Cell | None, Decimal | None]:
    """A cell after what has happened to it, and what it earned if its turn is over. None: it is gone."""
    bought = view.slots.get(cell.slot)
    if bought is not None and bought.cycle != cell.cycle:
        bought = None
    if cell.phase is Phase.WAITING:
        waits = view.quotes[params.symbol].ask <= cell.buy_at
        return (cell if waits else msgspec.structs.replace(cell, phase=Phase.BUYING)), None
    if cell.phase is Phase.BUYING:
        if bought is None or not bought.filled:
            return cell, None
        # A cell that the price has left again sells what it got of its purchase.
        if not (view.finished(_buy(cell, params)) or view.quotes[params.symbol].bid >= cell.sell_at):
            return cell, None
        cell = msgspec.structs.replace(cell, phase=Phase.SELLING)
    if bought is not None and bought.live:
        return cell, None
    sale = _sale(view, cell, params)
    if sale is not None and not view.finished(sale):
        return cell, None
    sold = view.slot(Slot(f"S:{cell.number}"), cell.cycle)
    profit = None if sold is None or bought is None else sold.net_quote - bought.net_quote
    if cell.phase is Phase.LEAVING:
        return None, profit
    fresh = _cell(params, view.instruments[params.symbol], cell.number, cell.cycle + 1)
    return _advance(view, fresh, params)[0], profit


def _trail(view: View, state: RangeState, params: RangeParams) -> RangeState:
    """The range one line further, when the price is a whole line beyond its end."""
    quote = view.quotes[params.symbol]
    cells = {cell.number: cell for cell in state.cells}
    if state.moved < params.trail_up_lines and quote.bid >= _line(params, state.moved + params.lines):
        moved, gone, new = state.moved + 1, state.moved, state.moved + params.lines - 1
    elif -state.moved < params.trail_down_lines and quote.ask <= _line(params, state.moved - 1):
        moved, gone, new = state.moved - 1, state.moved + params.lines - 2, state.moved - 1
    else:
        return state
    if gone in cells:
        cells[gone] = msgspec.structs.replace(cells[gone], phase=Phase.LEAVING)
    if new in cells:
        cells[new] = msgspec.structs.replace(cells[new], phase=Phase.BUYING)
    else:
        before = view.slots.get(Slot(f"B:{new}"))
        cycle = 1 if before is None else before.cycle + 1
        cells[new] = _cell(params, view.instruments[params.symbol], new, cycle)
    ordered = tuple(cells[number] for number in sorted(cells))
    after = msgspec.structs.replace(state, moved=moved, cells=ordered)
    return _settle(view, after, params)


def _settle(view: View, state: RangeState, params: RangeParams) -> RangeState:
    """Cells after a move: what can be taken a step further is, so that a second look finds nothing to do."""
    cells = tuple(after for cell in state.cells if (after := _advance(view, cell, params)[0]) is not None)
    return msgspec.structs.replace(state, cells=cells)


def _end(bid: Decimal, params: RangeParams, told: bool) -> str:
    if params.stop_price is not None and bid <= params.stop_price:
        return "stop"
    if params.take_profit_price is not None and bid >= params.take_profit_price:
        return "take-profit"
    return "told to close" if told else ""


def _orders(view: View, state: RangeState, params: RangeParams) -> list[DesiredOrder]:
    if state.course is Course.RUNNING:
        orders, buying = [], Phase.BUYING
        for cell in state.cells:
            if cell.phase is buying:
                orders.append(_buy(cell, params))
            elif cell.phase is not Phase.WAITING and (sale := _sale(view, cell, params)) is not None:
                orders.append(sale)
        return orders
    others = any(facts.live for slot, facts in view.slots.items() if slot != EXIT)
    if state.course is Course.ENDED or others:
        return []
    own = view.slot(EXIT, 1)
    total = _held(view, state) + (own.filled if own is not None else ZERO)
    if own is None and not _sellable(view.instruments[params.symbol], total, view.quotes[params.symbol].bid):
        return []
    return [_sell(params, EXIT, 1, total, None)]


def _buy(cell: Cell, params: RangeParams) -> DesiredOrder:
    return DesiredOrder(
        slot=cell.slot,
        cycle=cell.cycle,
        symbol=params.symbol,
        side=BUY,
        kind=LIMIT,
        quantity=cell.quantity,
        price=cell.buy_at,
        purpose=ENTRY,
        reason="buys at its line",
    )


def _sale(view: View, cell: Cell, params: RangeParams) -> DesiredOrder | None:
    """What the cell offers; None when it got too little to be sold."""
    bought = view.slot(cell.slot, cell.cycle)
    slot = Slot(f"S:{cell.number}")
    if bought is None or not bought.filled:
        return None
    if view.slot(slot, cell.cycle) is None and not _sellable(
        view.instruments[params.symbol], bought.net_base, cell.sell_at
    ):
        return None
    return _sell(params, slot, cell.cycle, bought.net_base, cell.sell_at)


def _sell(params: RangeParams, slot: Slot, cycle: int, quantity: Decimal, price: Decimal | None) -> DesiredOrder:
    return DesiredOrder(
        slot=slot,
        cycle=cycle,
        symbol=params.symbol,
        side=Side.SELL,
        kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
        quantity=quantity,
        price=price,
        purpose=Purpose.EXIT,
        reason="the grid ends" if price is None else "sells at the next line",
    )


def _cell(params: RangeParams, instrument: Instrument, number: int, cycle: int = 1) -> Cell:
    buy_at, quantity = fitted(instrument, _line(params, number), params.quote_per_line)
    sell_at = fit_price(instrument, Side.SELL, _line(params, number + 1))
    return Cell(number=number, slot=Slot(f"B:{number}"), cycle=cycle, buy_at=buy_at, sell_at=sell_at, quantity=quantity)


def _line(params: RangeParams, number: int) -> Decimal:
    return between(params.lower, params.upper, params.lines, params.spacing, number)


def _held(view: View, state: RangeState) -> Decimal:
    """What the cells bought and neither they nor the end of the grid has sold."""
    held = ZERO
    for cell in state.cells:
        for slot, sign in ((cell.slot, 1), (Slot(f"S:{cell.number}"), -1)):
            facts = view.slot(slot, cell.cycle)
            held += sign * facts.net_base if facts is not None else ZERO
    exit_ = view.slot(EXIT, 1)
    return held - (exit_.net_base if exit_ is not None else ZERO)


def _sellable(instrument: Instrument, quantity: Decimal, price: Decimal) -> bool:
    return not isinstance(fit_quantity(instrument, quantity, price), Unfit)


def _note(kind: str, params: RangeParams, reason: str, **detail: object) -> Note:
    return Note(kind=kind, symbol=params.symbol, reason=reason, detail=detail)
