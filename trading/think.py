"""From what a trader knows to what it does: guard, strategy, reconcile, risk, in this order."""

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec

from trading.closing import closing_orders
from trading.errors import TradingError
from trading.events import (
    Ask,
    CancelOrders,
    CloseMode,
    Decision,
    Quarantine,
    RunClosed,
    SaveCheckpoint,
    SubmitOrders,
)
from trading.guard import watch
from trading.ids import base_of, quote_of
from trading.limits import Consequence
from trading.lines import record
from trading.money import ZERO
from trading.orders import WORKING, OrderKind, Purpose
from trading.samples import sample
from trading.sending import perform
from trading.state import TraderState, pack
from trading.strategies.contract import View, Wish
from trading.valuation import profit, worth

SAVE_EVERY = timedelta(seconds=15)
"""What changed without an order can be found out again from the facts; it is saved so that this stays quick."""
ERROR_PAUSE = timedelta(seconds=1)
INFINITE = Decimal("Infinity")
MINUTE = timedelta(minutes=1)
CLOSE_MODES = (CloseMode.CANCEL, CloseMode.LIMIT, CloseMode.MARKET)
"""From the weakest to the strongest."""

Decided = tuple[TraderState, tuple[Decision, ...]]


class BadWish(TradingError):
    """A strategy asked for something that is no order."""


def think(state: TraderState, now: datetime) -> Decided:
    """Decide what to do now. On unchanged facts the second time decides nothing."""
    state = _forget(state, now)
    state, lines = _guard(state, now)
    if state.halted_by:
        return state, lines
    if state.memory.closing is not None:
        state, more = _close_down(state, state.memory.closing, now)
    else:
        state, more = _trade(state, now)
    state, saved = _save(state, now) if not any(isinstance(line, SubmitOrders) for line in more) else (state, ())
    return state, (*lines, *more, *saved)


def close(state: TraderState, mode: CloseMode, reason: str) -> TraderState:
    """End the run. A weaker mode than the one under way changes nothing."""
    current = state.memory.closing
    if current is not None and CLOSE_MODES.index(current) >= CLOSE_MODES.index(mode):
        return state
    memory = msgspec.structs.replace(state.memory, closing=mode, closing_reason=reason)
    return msgspec.structs.replace(state, memory=memory, dirty=True, urgent=True)


def stop(state: TraderState, reason: str, now: datetime) -> Decided:
    """Quarantine: withdraw what would take on exposure, leave what gives it up, and say no more."""
    entries = tuple(
        (order.symbol, order.client_order_id)
        for order in state.orders.values()
        if order.state in WORKING and order.purpose is Purpose.ENTRY
    )
    state = msgspec.structs.replace(state, halted_by=reason)
    line = record(now, "quarantine", None, reason)
    return state, (line, *((CancelOrders(entries),) if entries else ()), Quarantine(reason))


def _forget(state: TraderState, now: datetime) -> TraderState:
    if state.sent_at and now - state.sent_at[0] >= MINUTE:
        state = msgspec.structs.replace(state, sent_at=tuple(at for at in state.sent_at if now - at < MINUTE))
    if any(command.expires_at <= now for command in state.memory.commands.values()):
        alive = {id_: command for id_, command in state.memory.commands.items() if command.expires_at > now}
        memory = msgspec.structs.replace(state.memory, commands=alive)
        state = msgspec.structs.replace(state, memory=memory, dirty=True)
    return state


def _guard(state: TraderState, now: datetime) -> Decided:
    """Measure profit against its limits. While something held has no price, there is nothing to measure."""
    memory = state.memory
    if any(symbol not in state.quotes for symbol in state.needs.symbols):
        return state, ()
    made = profit(memory.books, state.quote_asset, state.quotes)
    if made is None:
        return state, ()
    if state.limits.volatile_loss_max_pct is not None or state.limits.correlation_max is not None:
        samples = sample(memory.samples, state.needs.symbols, state.quotes, now)
        if samples is not memory.samples:
            memory = msgspec.structs.replace(memory, samples=samples)
            state = msgspec.structs.replace(state, memory=memory, dirty=True)
    before = memory.watch
    if before.capital is None:
        assets = {asset for symbol in state.needs.symbols for asset in (base_of(symbol), quote_of(symbol))}
        # What the run has made so far is not what it began with.
        capital = worth(state.balances, assets, state.quote_asset, state.quotes) - made
        before = msgspec.structs.replace(before, capital=capital)
    after, breaches = watch(before, state.limits, memory.books, made, now=now, zone=state.zone)
    if after == memory.watch:
        return state, ()
    memory = msgspec.structs.replace(memory, watch=after)
    state = msgspec.structs.replace(state, memory=memory, dirty=True, urgent=state.urgent or bool(breaches))
    decisions: tuple[Decision, ...] = ()
    for breach in breaches:
        reason = f"{breach.rule}: {breach.value:.2f} against {breach.limit}, so {breach.then}"
        decisions += (record(now, "breach", None, reason, rule=breach.rule, value=breach.value, limit=breach.limit),)
        if breach.then is Consequence.FLATTEN:
            state = close(state, CloseMode.MARKET, reason)
        elif breach.then is Consequence.QUARANTINE and not state.halted_by:
            state, more = stop(state, reason, now)
            decisions += more
    return state, decisions


def _trade(state: TraderState, now: datetime) -> Decided:
    """Ask the strategy, if all that it needs is known; else leave what stands as it is."""
    needs = state.needs
    if any(symbol not in state.quotes or symbol not in state.instruments for symbol in needs.symbols):
        return state, ()
    if state.failed_at is not None and now - state.failed_at < ERROR_PAUSE * 2 ** (state.errors_in_row - 1):
        return state, ()
    try:
        wish = state.strategy.decide(_view(state, now), state.strategy_state, state.params)
        _validate(state, wish)
    except Exception as error:  # noqa: BLE001 - a strategy's code is not ours: whatever it raises is counted and told
        return _count_error(state, error, now)
    lines: tuple[Decision, ...] = tuple(
        record(now, note.kind, note.symbol, note.reason, **note.detail) for note in wish.notes
    )
    if state.errors_in_row:
        state = msgspec.structs.replace(state, errors_in_row=0, failed_at=None)
    if wish.state is not state.strategy_state and wish.state != state.strategy_state:
        state = msgspec.structs.replace(state, strategy_state=wish.state, dirty=True)
    state, asked = _put_questions(state, wish)
    state, sent = perform(state, wish.orders, now)
    return state, (*lines, *sent, *asked)


def _close_down(state: TraderState, mode: CloseMode, now: datetime) -> Decided:
    books, slots = state.memory.books, state.slots
    orders = closing_orders(
        mode,
        books=books,
        slots=slots,
        instruments=state.instruments,
        quotes=state.quotes,
        balances=state.balances,
    )
    working = any(facts.live for facts in slots.values())
    unseen = any(
        position.quantity > 0 and (symbol not in state.quotes or symbol not in state.instruments)
        for symbol, position in books.positions.items()
    )
    if orders or working or (unseen and mode is not CloseMode.CANCEL):
        return perform(state, orders, now)
    reason = state.memory.closing_reason
    state = msgspec.structs.replace(state, halted_by=f"closed: {reason}", dirty=True, urgent=True)
    return state, (record(now, "run_closed", None, reason), RunClosed(reason))


def _put_questions(state: TraderState, wish: Wish) -> Decided:
    if not wish.questions and not state.answers:
        return state, ()
    listed = {question.id: state.answers.get(question.id) for question in wish.questions}
    fresh = tuple(question for question in wish.questions if question.id not in state.answers)
    if listed.keys() != state.answers.keys():
        state = msgspec.structs.replace(state, answers=listed)
    return state, (Ask(fresh),) if fresh else ()


def _count_error(state: TraderState, error: Exception, now: datetime) -> Decided:
    count = state.errors_in_row + 1
    state = msgspec.structs.replace(state, errors_in_row=count, failed_at=now)
    what = f"{type(error).__name__}: {error}"
    line = record(now, "strategy_error", None, what, strategy=state.strategy.name, in_row=count)
    if count < state.limits.errors_in_row_max:
        return state, (line,)
    state, stopped = stop(state, f"the strategy failed {count} times in a row, last with {what}", now)
    return state, (line, *stopped)


def _validate(state: TraderState, wish: Wish) -> None:
    if len({order.slot for order in wish.orders}) != len(wish.orders):
        raise BadWish("two orders wish for the same slot")
    symbols, market = state.needs.symbols, OrderKind.MARKET
    for order in wish.orders:
        price = order.price
        if order.symbol not in symbols:
            raise BadWish(f"{order.slot} is in {order.symbol}, which the strategy did not say that it needs")
        # A NaN compares with nothing: it raises, and counts as an error of the strategy all the same.
        if not ZERO < order.quantity < INFINITE:
            raise BadWish(f"{order.slot} has quantity {order.quantity}")
        if price is None or order.kind is market:
            if price is not None or order.kind is not market:
                raise BadWish(f"{order.slot} is {order.kind} with price {price}")
        elif not ZERO < price < INFINITE:
            raise BadWish(f"{order.slot} has price {price}")


def _view(state: TraderState, now: datetime) -> View:
    return View(
        now=now,
        quotes=state.quotes,
        instruments=state.instruments,
        readings=state.readings,
        positions=state.memory.books.positions,
        balances=state.balances,
        slots=state.slots,
        ledgers=state.memory.books.ledgers,
        commands=tuple(state.memory.commands.values()),
        answers={id_: answer for id_, answer in state.answers.items() if answer is not None},
    )


def _save(state: TraderState, now: datetime) -> Decided:
    if not state.dirty or not (state.urgent or state.saved_at is None or now - state.saved_at >= SAVE_EVERY):
        return state, ()
    version = state.version + 1
    state = msgspec.structs.replace(state, version=version, saved_at=now, dirty=False, urgent=False)
    return state, (SaveCheckpoint(pack(state, version)),)
