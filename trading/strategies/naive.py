"""Naive: buy a dip, sell a little higher, stop a fall. Several rounds at once, each with its own money.

It believes that a price which fell a little will rise a little. It earns small and often in a market that swings
around a level, and loses in one that falls and stays down: every round then ends at its stop.

A round waits for the ask to come down to its trigger, then bids that ask with a limit: it buys at that price or better,
never above. Nothing rests at the venue while waiting. A bid that followed the reference upward would catch the deepest
spikes, but costs a cancellation and an order for every step up, and binds the money all the time. What a bid did not
buy before the price turned (back up past the target) is left; what it did buy is sold as usual.

After a stop the next round waits for a further fall below the price of the stop, or for the reference to begin anew:
else it would buy at once what it has just sold, and pay the spread for nothing.
"""

from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from trading.ids import Slot
from trading.instruments import Unfit, fit_quantity
from trading.money import ZERO, plain
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.params import Problem, amount
from trading.strategies.contract import Needs, Note, Strategy, SymbolName, View, Wish


class NaiveParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    symbol: SymbolName
    dip_pct: Annotated[Decimal, amount(gt=0, lt=100, about="buy this far below the highest price since the last sale")]
    target_pct: Annotated[Decimal, amount(gt=0, le=1000, about="sell this far above the price paid")]
    stop_pct: Annotated[Decimal, amount(gt=0, lt=100, about="sell at once this far below the price paid")]
    budget_per_round: Annotated[Decimal, amount(gt=0, about="quote amount that one round may spend")]
    budget: Annotated[Decimal, amount(gt=0, about="quote amount that all open rounds together may spend")]
    rounds: Annotated[int, msgspec.Meta(ge=1, le=50, description="rounds open at the same time")] = 1
    rebuy_pct: Annotated[Decimal, amount(gt=0, lt=100, about="a further round this far below the lowest open one")] = (
        Decimal(1)
    )


class Phase(StrEnum):
    IDLE = "idle"
    BUYING = "buying"
    LEAVING = "leaving"
    """No longer wants to buy; waits to know what it bought."""
    HOLDING = "holding"
    STOPPING = "stopping"


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One purchase and its sale, over and over; `cycle` counts the turns."""

    phase: Phase = Phase.IDLE
    cycle: int = 0
    bid: Decimal = ZERO
    quantity: Decimal = ZERO
    stopped: bool = False
    """How its last turn ended."""


class NaiveState(msgspec.Struct, frozen=True, kw_only=True):
    reference: Decimal = ZERO
    """The highest mid since the last sale: dips are counted from here."""
    rounds: tuple[Round, ...] = ()
    stopped_at: Decimal | None = None
    """The price of the last stop, while other rounds are still open and nothing was sold at its target since."""


def needs(params: NaiveParams) -> Needs:
    return Needs(symbols=(params.symbol,))


def check(params: NaiveParams) -> tuple[Problem, ...]:
    if params.budget < params.budget_per_round:
        return (Problem("budget", params.budget, f"at least budget_per_round ({params.budget_per_round})"),)
    return ()


def decide(view: View, state: NaiveState, params: NaiveParams) -> Wish:
    mid = view.quotes[params.symbol].mid
    reference, stopped_at = max(state.reference, mid), state.stopped_at
    rounds = list(state.rounds) or [Round()] * params.rounds
    notes: list[Note] = []
    for index, before in enumerate(rounds):
        rounds[index] = after = _follow(view, index, before, params, notes)
        if after.phase is Phase.IDLE and before.phase is not Phase.IDLE:
            sold = view.slot(_slot("S", index), before.cycle)
            price = sold.price if sold is not None else None
            reference = max(mid, price or ZERO)
            stopped_at = price if after.stopped else None
    if all(turn.phase is Phase.IDLE for turn in rounds):
        stopped_at = None
    _open(view, NaiveState(reference=reference, stopped_at=stopped_at), rounds, params, notes)
    orders = [order for index, turn in enumerate(rounds) if (order := _wish(view, index, turn, params)) is not None]
    now = NaiveState(reference=reference, rounds=tuple(rounds), stopped_at=stopped_at)
    return Wish(tuple(orders), state if now == state else now, tuple(notes))


def _follow(view: View, index: int, turn: Round, params: NaiveParams, notes: list[Note]) -> Round:
    """Take a round as far as the facts allow, all steps of it: a second look must find nothing more to do."""
    while True:
        after, reason = _step(view, index, turn, params)
        if after.phase is turn.phase:
            return after
        notes.append(
            Note(
                kind=f"round_{after.phase}",
                symbol=params.symbol,
                reason=reason,
                detail={"round": index + 1, "turn": turn.cycle, "bid": str(turn.bid)},
            )
        )
        turn = after


def _step(view: View, index: int, turn: Round, params: NaiveParams) -> tuple[Round, str]:
    quote = view.quotes[params.symbol]
    bought = view.slot(_slot("B", index), turn.cycle)
    wish = _wish(view, index, turn, params)
    match turn.phase:
        case Phase.BUYING if wish is not None and view.finished(wish):
            return _moved(turn, Phase.HOLDING), "bought"
        case Phase.BUYING if quote.bid >= _above(turn.bid, params.target_pct):
            return _moved(turn, Phase.LEAVING), "the price turned before the bid was filled"
        case Phase.LEAVING if bought is None or not bought.live:
            return _moved(turn, Phase.HOLDING), "sells what it got"
        case Phase.HOLDING | Phase.STOPPING if wish is None or view.finished(wish):
            idle = msgspec.structs.replace(turn, phase=Phase.IDLE, stopped=turn.phase is Phase.STOPPING)
            return idle, "sold" if wish is not None else "holds nothing that can be sold"
        case Phase.HOLDING if bought is not None and bought.price is not None:
            if quote.bid <= _above(bought.price, -params.stop_pct):
                return _moved(turn, Phase.STOPPING), f"bid {quote.bid} is {params.stop_pct} % below {bought.price}"
    return turn, ""


def _open(view: View, state: NaiveState, rounds: list[Round], params: NaiveParams, notes: list[Note]) -> None:
    """Begin as many rounds as the ask has come down to, while there is money for them."""
    ask = view.quotes[params.symbol].ask
    while (index := next((index for index, turn in enumerate(rounds) if turn.phase is Phase.IDLE), None)) is not None:
        running = [turn for turn in rounds if turn.phase is not Phase.IDLE]
        spent = sum((turn.bid * turn.quantity for turn in running), ZERO)
        trigger = _trigger(state, running, params)
        if ask > trigger or spent + params.budget_per_round > params.budget:
            return
        quantity = (params.budget_per_round / ask).quantize(Decimal("1E-12"), ROUND_FLOOR)
        rounds[index] = Round(phase=Phase.BUYING, cycle=rounds[index].cycle + 1, bid=ask, quantity=quantity)
        notes.append(
            Note(
                kind="round_buying",
                symbol=params.symbol,
                reason=f"ask {plain(ask)} is at or below {plain(trigger)}",
                detail={"round": index + 1, "turn": rounds[index].cycle, "reference": state.reference, "ask": ask},
            )
        )


def _trigger(state: NaiveState, running: list[Round], params: NaiveParams) -> Decimal:
    if not running:
        return _above(state.reference, -params.dip_pct)
    lowest = min(turn.bid for turn in running)
    if state.stopped_at is not None:
        lowest = min(lowest, state.stopped_at)
    return _above(lowest, -params.rebuy_pct)


def _wish(view: View, index: int, turn: Round, params: NaiveParams) -> DesiredOrder | None:
    """The order that a round in this phase wants to stand. None while holding means: nothing that could be sold."""
    symbol = params.symbol
    if turn.phase is Phase.BUYING:
        return DesiredOrder(
            slot=_slot("B", index),
            cycle=turn.cycle,
            symbol=symbol,
            side=Side.BUY,
            kind=OrderKind.LIMIT,
            quantity=turn.quantity,
            price=turn.bid,
            purpose=Purpose.ENTRY,
            reason=f"dip to {turn.bid}",
        )
    bought = view.slot(_slot("B", index), turn.cycle)
    if turn.phase not in (Phase.HOLDING, Phase.STOPPING) or bought is None or bought.price is None:
        return None
    stopping = turn.phase is Phase.STOPPING
    target = _above(bought.price, params.target_pct)
    slot = _slot("S", index)
    if view.slot(slot, turn.cycle) is None:
        sold_at = view.quotes[symbol].bid if stopping else target
        if isinstance(fit_quantity(view.instruments[symbol], bought.net_base, sold_at), Unfit):
            return None
    return DesiredOrder(
        slot=slot,
        cycle=turn.cycle,
        symbol=symbol,
        side=Side.SELL,
        kind=OrderKind.MARKET if stopping else OrderKind.LIMIT,
        quantity=bought.net_base,
        price=None if stopping else target,
        purpose=Purpose.EXIT,
        reason=f"stop below {bought.price}" if stopping else f"target above {bought.price}",
    )


def _slot(kind: str, index: int) -> Slot:
    return Slot(f"{kind}:{index + 1}")


def _moved(turn: Round, phase: Phase) -> Round:
    return msgspec.structs.replace(turn, phase=phase)


def _above(price: Decimal, per_cent: Decimal) -> Decimal:
    return price * (1 + per_cent / 100)


NAIVE = Strategy(
    name="naive",
    about="A price that fell a little will rise a little: buy the dip, sell the target, stop the fall.",
    params=NaiveParams,
    state=NaiveState,
    needs=needs,
    decide=decide,
    check=check,
)
