"""From wishes to what is sent and withdrawn: controls, reconcile, risk."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from trading.events import CancelOrders, Control, Decision, SubmitOrders
from trading.guard import entries_allowed
from trading.ids import Asset, Symbol, quote_of
from trading.ledgers import ledger_of
from trading.lines import show
from trading.money import ZERO
from trading.news import intend
from trading.orders import ApprovedOrder, DesiredOrder, Order, Purpose, Side
from trading.reconcile import Missing, reconcile
from trading.risk import Headroom, Market, Refusal, control_of, cost_of, review, strictest
from trading.samples import correlation, daily_volatility
from trading.state import TraderState, pack
from trading.valuation import rate


def perform(
    state: TraderState, wishes: Sequence[DesiredOrder], now: datetime
) -> tuple[TraderState, tuple[Decision, ...]]:
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
    state, lines = show(state, refused, now)
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
            **_moves(state, symbol),
        )
        answer = review(found, market, headroom, state.limits, run=state.assignment.run, now=now)
        if isinstance(answer, ApprovedOrder):
            approved.append(answer)
        else:
            refused[found.wish] = answer
    return approved


def _moves(state: TraderState, symbol: Symbol) -> dict[str, Any]:
    """What only some limits ask for."""
    samples, moves = state.memory.samples, dict[str, Any]()
    if state.limits.volatile_loss_max_pct is not None:
        moves["capital"] = state.limits.capital or state.memory.watch.capital
        moves["daily_volatility"] = daily_volatility(samples, symbol)
    if state.limits.correlation_max is not None:
        held = {other for other, position in state.memory.books.positions.items() if position.quantity > 0}
        held |= {o.symbol for facts in state.slots.values() for o in facts.live if o.side is Side.BUY}
        moves["in_step"] = {other: correlation(samples, symbol, other) for other in sorted(held - {symbol})}
    return moves


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
    return Headroom(
        free=free,
        exposure=exposure,
        reserved=_reserved(state, live) if state.reserved else {},
        open_orders=len(live),
        orders_last_minute=len(state.sent_at),
    )


def _reserved(state: TraderState, live: Iterable[Order]) -> dict[tuple[str, Asset], Decimal]:
    """What each ledger has, less what its own orders use already."""
    left: dict[tuple[str, Asset], Decimal] = {}
    for name, capital in state.reserved.items():
        left[name, state.quote_asset] = capital
        ledger = state.memory.books.ledgers.get(name)
        for asset, amount in ledger.flows.items() if ledger is not None else ():
            left[name, asset] = left.get((name, asset), ZERO) + amount
    for order in live:
        quote = state.quotes.get(order.symbol)
        price = order.price if order.price is not None else quote.ask if quote is not None else ZERO
        asset, used = cost_of(order.side, state.instruments[order.symbol], order.remaining, price)
        key = ledger_of(order.slot), asset
        left[key] = left.get(key, ZERO) - used
    return left
