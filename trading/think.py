"""From what a trader knows to what it does: guard, strategy, reconcile, risk, in this order."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from trading.closing import closing_orders
from trading.errors import TradingError
from trading.events import (
    Ask,
    CancelOrders,
    CloseMode,
    Control,
    Decision,
    Quarantine,
    Record,
    RunClosed,
    SaveCheckpoint,
    SubmitOrders,
)
from trading.guard import entries_allowed, watch
from trading.ids import Symbol, base_of, quote_of
from trading.limits import Consequence
from trading.money import ZERO
from trading.news import intend
from trading.orders import WORKING, ApprovedOrder, DesiredOrder, OrderKind, Purpose, Side
from trading.reconcile import Missing, reconcile
from trading.risk import Headroom, Market, Refusal, control_of, review, strictest
from trading.state import Shown, TraderState, pack
from trading.strategies.contract import View, Wish
from trading.valuation import profit, rate, worth

SAVE_EVERY = timedelta(seconds=15)
"""What changed without an order can be found out again from the facts; it is saved so that this stays quick."""
SHOW_AGAIN = timedelta(minutes=10)
BALANCE_LAG = timedelta(seconds=3)
"""A fill may be heard before the balance it brought: only a lack that lasts is worth a line."""
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


def record(now: datetime, kind: str, symbol: Symbol | None, reason: str, /, **detail: Any) -> Record:
    numbers = {name: str(value) if isinstance(value, Decimal) else value for name, value in detail.items()}
    return Record(kind=kind, symbol=symbol, reason=reason, detail=numbers, at=now)


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
    state, sent = _perform(state, wish.orders, now)
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
        return _perform(state, orders, now)
    reason = state.memory.closing_reason
    state = msgspec.structs.replace(state, halted_by=f"closed: {reason}", dirty=True, urgent=True)
    return state, (record(now, "run_closed", None, reason), RunClosed(reason))


def _perform(state: TraderState, wishes: Sequence[DesiredOrder], now: datetime) -> Decided:
    """Make the orders at the venue be these."""
    refused: dict[DesiredOrder, Refusal] = {}
    allowed = _permitted(state, wishes, refused, now)
    difference = reconcile(
        allowed,
        slots=state.slots,
        instruments=state.instruments,
        quotes=state.quotes,
        cancelling=state.cancelling,
        now=now,
    )
    for misfit in difference.misfits:
        refused[misfit.wish] = Refusal(rule=misfit.rule, value=misfit.value, limit=misfit.limit)
    approved = _approve(state, difference.missing, refused, now) if difference.missing else []
    state, lines = _show(state, refused, now)
    decisions: tuple[Decision, ...] = lines
    if difference.surplus:
        asked = {order.client_order_id: now for order in difference.surplus}
        state = msgspec.structs.replace(state, cancelling={**state.cancelling, **asked})
        decisions += (CancelOrders(tuple((order.symbol, order.client_order_id) for order in difference.surplus)),)
    if approved:
        state = intend(state, approved, now)
        version = state.version + 1
        state = msgspec.structs.replace(state, version=version, saved_at=now, dirty=False, urgent=False)
        decisions += (SubmitOrders(orders=tuple(approved), checkpoint=pack(state, version)),)
    return state, decisions


def _permitted(
    state: TraderState, wishes: Sequence[DesiredOrder], refused: dict[DesiredOrder, Refusal], now: datetime
) -> Sequence[DesiredOrder]:
    """Without what the controls forbid. What stands already and is forbidden now is thereby withdrawn."""
    entries = entries_allowed(state.memory.watch, now, state.zone)
    if entries and state.control is Control.ACTIVE and not state.symbol_controls:
        return wishes
    allowed = []
    for wish in wishes:
        control = _control(state, wish.symbol, entries=entries)
        if control is Control.ACTIVE or (control is Control.REDUCE_ONLY and wish.purpose is Purpose.EXIT):
            allowed.append(wish)
        else:
            refused[wish] = Refusal(rule="control", value=control, limit=Control.ACTIVE)
    return allowed


def _control(state: TraderState, symbol: Symbol, *, entries: bool) -> Control:
    control = control_of(symbol, state.control, state.symbol_controls)
    return control if entries else strictest(control, Control.REDUCE_ONLY)


def _approve(
    state: TraderState, missing: Iterable[Missing], refused: dict[DesiredOrder, Refusal], now: datetime
) -> list[ApprovedOrder]:
    headroom = _headroom(state)
    entries = entries_allowed(state.memory.watch, now, state.zone)
    approved = []
    for found in missing:
        symbol = found.wish.symbol
        market = Market(
            instrument=state.instruments[symbol],
            quote=state.quotes.get(symbol),
            control=_control(state, symbol, entries=entries),
            quote_rate=rate(quote_of(symbol), state.quote_asset, state.quotes),
        )
        answer = review(found, market, headroom, state.limits, run=state.assignment.run, now=now)
        if isinstance(answer, ApprovedOrder):
            approved.append(answer)
        else:
            refused[found.wish] = answer
    return approved


def _headroom(state: TraderState) -> Headroom:
    free = {asset: amounts[0] for asset, amounts in state.balances.items()}
    for asset, amount in state.promised.values():
        free[asset] = free.get(asset, ZERO) - amount
    exposure: dict[Symbol, Decimal] = {}
    for symbol, position in state.memory.books.positions.items():
        if position.quantity and (quote := state.quotes.get(symbol)) is not None:
            factor = rate(quote_of(symbol), state.quote_asset, state.quotes) or ZERO
            exposure[symbol] = position.quantity * quote.mid * factor
    live = [order for facts in state.slots.values() for order in facts.live]
    for order in live:
        if order.side is Side.BUY and order.price is not None:
            factor = rate(quote_of(order.symbol), state.quote_asset, state.quotes) or ZERO
            exposure[order.symbol] = exposure.get(order.symbol, ZERO) + order.remaining * order.price * factor
    return Headroom(free=free, exposure=exposure, open_orders=len(live), orders_last_minute=len(state.sent_at))


def _show(state: TraderState, refused: dict[DesiredOrder, Refusal], now: datetime) -> Decided:
    """One line for a refusal when it begins, and again after a long while; not one at every look."""
    if not refused and not state.shown:
        return state, ()
    shown: dict[str, Shown] = {}
    lines: list[Decision] = []
    for wish, refusal in refused.items():
        before = state.shown.get(wish.slot)
        if before is None or before.rule != refusal.rule:
            before = Shown(refusal.rule, now, None)
        if before.written_at is not None:
            due = now - before.written_at >= SHOW_AGAIN
        else:
            due = refusal.rule != "balance" or now - before.since >= BALANCE_LAG
        if due:
            lines.append(_refusal_line(wish, refusal, now))
            before = Shown(before.rule, before.since, now)
        shown[wish.slot] = before
    if shown == state.shown:
        return state, ()
    return msgspec.structs.replace(state, shown=shown), tuple(lines)


def _refusal_line(wish: DesiredOrder, refusal: Refusal, now: datetime) -> Record:
    return record(
        now,
        "refused",
        wish.symbol,
        f"{refusal.rule}: {refusal.value} against {refusal.limit}",
        rule=refusal.rule,
        value=refusal.value,
        limit=refusal.limit,
        slot=wish.slot,
        cycle=wish.cycle,
        side=wish.side,
        quantity=wish.quantity,
        price=wish.price,
        wanted=wish.reason,
    )


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
        if (price is None) is not (order.kind is market):
            raise BadWish(f"{order.slot} is {order.kind} with price {price}")
        if price is not None and not ZERO < price < INFINITE:
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
        commands=tuple(state.memory.commands.values()),
        answers={id_: answer for id_, answer in state.answers.items() if answer is not None},
    )


def _save(state: TraderState, now: datetime) -> Decided:
    if not state.dirty or not (state.urgent or state.saved_at is None or now - state.saved_at >= SAVE_EVERY):
        return state, ()
    version = state.version + 1
    state = msgspec.structs.replace(state, version=version, saved_at=now, dirty=False, urgent=False)
    return state, (SaveCheckpoint(pack(state, version)),)
