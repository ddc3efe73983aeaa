"""What a trader does with one event. Pure: `(state, event, now) -> (state, decisions)`, and the same again every time.

First the event is taken in (`trading.news`). Then, unless something is missing that must be known, the strategy names
the orders that should stand, `trading.reconcile` finds what is missing of them and what is surplus, and `trading.risk`
approves or refuses. What is approved counts as intended from that moment, before anything was sent.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from trading.events import (
    Answered,
    Assignment,
    BalancesChanged,
    CloseRequested,
    Command,
    CommandReceived,
    ControlChanged,
    Decision,
    Event,
    OrderChanged,
    OutcomesArrived,
    QuoteChanged,
    ReadingChanged,
    RequestResync,
    Resynced,
    TimePassed,
)
from trading.limits import Limits
from trading.lines import record
from trading.news import hear_balances, hear_order, hear_outcomes, is_sound, keep_early, take_snapshot
from trading.orders import IllegalTransition, OrderState
from trading.params import ParamsRefused, Problem, parse
from trading.state import CheckpointUnreadable, TraderState
from trading.strategies import BUILT_IN, find_strategy, parse_params
from trading.strategies.contract import Strategy
from trading.think import close, stop, think

__all__ = ["TraderState", "begin", "decide"]

RESYNC_AGAIN = timedelta(seconds=10)
"""A snapshot that was asked for and did not come is asked for again."""
UNKNOWN_FOR_LONG = timedelta(seconds=30)
_NEVER_WAS = (OrderState.REJECTED, OrderState.EXPIRED)


def begin(assignment: Assignment, strategies: Mapping[str, Strategy] = BUILT_IN) -> TraderState:
    """A trader that knows its task and nothing of the world yet: it sends nothing before a `Resynced`.

    Raises `UnknownStrategy` or `ParamsRefused`, and then there is no trader.
    """
    strategy = find_strategy(assignment.strategy, strategies)
    params = parse_params(assignment.strategy, assignment.params, strategies)
    try:
        zone = ZoneInfo(assignment.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        problem = Problem("time_zone", assignment.time_zone, "a name of the IANA database, for instance Europe/Berlin")
        raise ParamsRefused(problem) from None
    return TraderState(
        assignment=assignment,
        strategy=strategy,
        params=strategy.prepare(params),
        reserved=strategy.capital(params),
        limits=parse(Limits, assignment.limits),
        needs=strategy.needs(params),
        zone=zone,
        strategy_state=strategy.state(),
    )


def decide(state: TraderState, event: Event, now: datetime) -> tuple[TraderState, tuple[Decision, ...]]:
    """Take one event in, and decide what to do now. Twice on the same facts, the second time decides nothing."""
    try:
        state, heard = _hear(state, event, now)
    except IllegalTransition as contradiction:
        # Whatever was still awaited, the snapshot knows better now.
        state = msgspec.structs.replace(state, awaited=frozenset())
        state, heard = _lose_track(state, str(contradiction), now)
    except CheckpointUnreadable as error:
        state, heard = stop(state, str(error), now)
    if state.halted_by:
        return state, heard
    if state.synced and _left_unknown(state, now):
        state, asked = _lose_track(state, "an order is unknown for long: does the gateway know it at all?", now)
        return state, (*heard, *asked)
    if not state.synced:
        state, asked = _ask_again(state, now)
        return state, (*heard, *asked)
    state, thought = think(state, now)
    return state, (*heard, *thought)


def _hear(state: TraderState, event: Event, now: datetime) -> tuple[TraderState, tuple[Decision, ...]]:
    match event:
        case QuoteChanged() | ReadingChanged():
            return _hear_market(state, event, now)
        case OrderChanged():
            return _hear_news(state, event, now)
        case OutcomesArrived(outcomes):
            return hear_outcomes(state, outcomes, now), ()
        case BalancesChanged(balances):
            return hear_balances(state, balances), ()
        case Resynced(snapshot):
            if snapshot.seq < state.seq:
                # Older than what is known already: it was overtaken on its way. If one is still missing, ask again.
                return state, ()
            return _catch_up(take_snapshot(state, snapshot, now), now)
        case ControlChanged():
            return msgspec.structs.replace(state, control=event.control, symbol_controls=dict(event.symbols)), ()
        case CommandReceived(command):
            return _hear_command(state, command, now), ()
        case Answered(answer):
            known = answer.question in state.answers
            answers = {**state.answers, answer.question: answer} if known else state.answers
            return msgspec.structs.replace(state, answers=answers), ()
        case CloseRequested():
            return close(state, event.mode, event.reason), ()
        case TimePassed():
            return state, ()
        case _:
            assert_never(event)


def _hear_market(
    state: TraderState, event: QuoteChanged | ReadingChanged, now: datetime
) -> tuple[TraderState, tuple[Decision, ...]]:
    """Prices that cannot be prices go no further than this."""
    if isinstance(event, QuoteChanged):
        quote = event.quote
        if not quote.sound:
            return state, (record(now, "bad_quote", quote.symbol, "dropped", bid=quote.bid, ask=quote.ask),)
        return msgspec.structs.replace(state, quotes={**state.quotes, quote.symbol: quote}), ()
    reading = event.reading
    if not is_sound(reading):
        return state, (record(now, "bad_reading", reading.symbol, "dropped", timeframe=reading.timeframe),)
    readings = {**state.readings, (reading.symbol, reading.timeframe): reading}
    return msgspec.structs.replace(state, readings=readings), ()


def _hear_news(state: TraderState, change: OrderChanged, now: datetime) -> tuple[TraderState, tuple[Decision, ...]]:
    if not state.synced:
        return keep_early(state, change), ()
    if change.seq <= state.seq:
        return state, ()
    if change.seq > state.seq + 1:
        return _lose_track(keep_early(state, change), f"news {change.seq} after {state.seq}", now)
    order, before = change.order, state.orders.get(change.order.client_order_id)
    state = hear_order(state, change)
    if before is None or before.state not in _NEVER_WAS or order.state in (before.state, OrderState.CANCELLED):
        return state, ()
    line = record(
        now,
        "contradiction",
        order.symbol,
        f"an order that was {before.state} is {order.state}",
        client_order_id=order.client_order_id,
        filled=order.filled,
    )
    return state, (line,)


def _catch_up(state: TraderState, now: datetime) -> tuple[TraderState, tuple[Decision, ...]]:
    """After a snapshot, the news that came while it was awaited."""
    early = sorted(state.early, key=lambda change: change.seq)
    state = msgspec.structs.replace(state, early=())
    decisions: tuple[Decision, ...] = ()
    for change in early:
        state, more = _hear_news(state, change, now)
        decisions += more
    return state, decisions


def _hear_command(state: TraderState, command: Command, now: datetime) -> TraderState:
    if command.expires_at <= now or command.id in state.memory.commands:
        return state
    commands = {**state.memory.commands, command.id: command}
    memory = msgspec.structs.replace(state.memory, commands=commands)
    return msgspec.structs.replace(state, memory=memory, dirty=True, urgent=True)


def _lose_track(state: TraderState, reason: str, now: datetime) -> tuple[TraderState, tuple[Decision, ...]]:
    return msgspec.structs.replace(state, synced=False, resync_asked_at=now), (RequestResync(reason),)


def _left_unknown(state: TraderState, now: datetime) -> bool:
    """Whether an order's fate has been open for so long that the gateway may never have heard of it."""
    asked_at = state.synced_at
    if asked_at is not None and now - asked_at < UNKNOWN_FOR_LONG:
        return False
    return any(
        order.state is OrderState.UNKNOWN and now - order.updated_at >= UNKNOWN_FOR_LONG
        for facts in state.slots.values()
        for order in facts.live
    )


def _ask_again(state: TraderState, now: datetime) -> tuple[TraderState, tuple[Decision, ...]]:
    asked_at = state.resync_asked_at
    if asked_at is not None and now - asked_at < RESYNC_AGAIN:
        return state, ()
    reason = "begins" if asked_at is None else f"no snapshot since {asked_at:%H:%M:%S}"
    return _lose_track(state, reason, now)
