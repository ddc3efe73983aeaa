"""What a trader hears, taken into what it knows. Nothing is decided here."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from trading.books import Books, record
from trading.events import OrderChanged, Snapshot
from trading.ids import Asset, ClientOrderId, Slot, Symbol, base_of, quote_of
from trading.market import Quote, Reading
from trading.money import ZERO
from trading.orders import (
    TERMINAL,
    UNSETTLED,
    Accepted,
    ApprovedOrder,
    Order,
    OrderEvent,
    OrderState,
    Outcome,
    Refused,
    Side,
    advance,
)
from trading.slots import summarise, worth_keeping
from trading.state import TraderState, unpack

EARLY_MAX = 256
"""News kept while a snapshot is awaited; past it they are dropped, and the next gap asks again."""


def take_snapshot(state: TraderState, snapshot: Snapshot, now: datetime) -> TraderState:
    """Begin again from what gateway and venue agree on. Our own memory stands where it is newer than the saved one."""
    memory, strategy_state, version, books = state.memory, state.strategy_state, state.version, Books()
    if snapshot.checkpoint is not None:
        saved, saved_strategy = unpack(snapshot.checkpoint, state.strategy)
        books = saved.books
        if snapshot.checkpoint.version > version:
            memory, strategy_state, version = saved, saved_strategy, snapshot.checkpoint.version
    orders = {order.client_order_id: order for order in snapshot.orders}
    for fill in snapshot.fills:
        books = record(books, fill, orders.get(fill.client_order_id) if fill.client_order_id else None)
    orders |= _younger(state, orders)
    groups = _by_slot(orders.values())
    kept = {order.client_order_id: order for group in groups.values() for order in group}
    return msgspec.structs.replace(
        state,
        synced=True,
        synced_at=now,
        resync_asked_at=None,
        seq=snapshot.seq,
        version=version,
        dirty=True,
        balances=dict(snapshot.balances),
        instruments={**state.instruments, **snapshot.instruments},
        control=snapshot.control,
        symbol_controls=dict(snapshot.symbol_controls),
        memory=msgspec.structs.replace(memory, books=books),
        strategy_state=strategy_state,
        orders=kept,
        slots={slot: summarise(group, books.slot_fees.get(slot)) for slot, group in groups.items()},
        promised={coid: _promise(order, state.quotes) for coid, order in kept.items() if order.state in UNSETTLED},
        cancelling={coid: at for coid, at in state.cancelling.items() if coid in kept},
    )


def _younger(state: TraderState, told: Mapping[ClientOrderId, Order]) -> dict[ClientOrderId, Order]:
    """Orders of ours that a snapshot does not have because it was taken before them.

    One with no outcome yet will get one. One that the venue has answered for is kept, unless the snapshot knows a newer
    cycle of its slot: then it ended, and was left out. One that was unknown when we asked, and that the gateway does
    not know either, was never committed: so it was never sent, and its name is free. A snapshot that we did not ask
    for proves nothing of the kind, since it may be older than the order.
    """
    newest: dict[Slot, int] = {}
    for order in told.values():
        newest[order.slot] = max(newest.get(order.slot, 0), order.cycle)

    def may_be_younger(order: Order) -> bool:
        if order.state in UNSETTLED:
            return state.resync_asked_at is None or order.updated_at >= state.resync_asked_at
        return order.cycle >= newest.get(order.slot, 0)

    return {
        coid: order
        for coid, order in state.orders.items()
        if coid not in told and (coid in state.awaited or may_be_younger(order))
    }


def keep_early(state: TraderState, change: OrderChanged) -> TraderState:
    return msgspec.structs.replace(state, early=(*state.early, change)[-EARLY_MAX:])


def hear_order(state: TraderState, change: OrderChanged) -> TraderState:
    """News n+1. It says everything about its order, so it replaces what was known of it."""
    books = state.memory.books
    if change.fill is not None:
        books = record(books, change.fill, change.order)
    memory = state.memory if books is state.memory.books else msgspec.structs.replace(state.memory, books=books)
    state = msgspec.structs.replace(state, seq=change.seq, memory=memory, dirty=state.dirty or change.fill is not None)
    return put_orders(state, (change.order,))


def hear_outcomes(state: TraderState, outcomes: tuple[Outcome, ...], now: datetime) -> TraderState:
    """The gateway's answer. An order that is not known any more has ended meanwhile: nothing to add."""
    moved: list[Order] = []
    for outcome in outcomes:
        order = state.orders.get(outcome.client_order_id)
        if order is None:
            continue
        if isinstance(outcome, Accepted):
            after = advance(order.state, OrderEvent.OPENED)
            changes: dict[str, Any] = {"venue_order_id": outcome.venue_order_id}
        elif isinstance(outcome, Refused):
            after = advance(order.state, OrderEvent.REJECTED)
            changes = {"reason": f"{outcome.reason} ({outcome.code})" if outcome.code else outcome.reason}
        else:
            after = advance(order.state, OrderEvent.OUTCOME_LOST)
            changes = {"reason": outcome.reason} if after is not order.state else {}
        if after is not order.state:
            changes["updated_at"] = now
        moved.append(msgspec.structs.replace(order, state=after, **changes))
    answered = state.awaited.difference(outcome.client_order_id for outcome in outcomes)
    return put_orders(msgspec.structs.replace(state, awaited=answered), moved)


def hear_balances(state: TraderState, balances: Mapping[Asset, tuple[Decimal, Decimal]]) -> TraderState:
    """The venue's word. What our settled orders lock is in it; what is still on its way may not be."""
    promised = {
        coid: (asset, amount)
        for coid, (asset, amount) in state.promised.items()
        if asset not in balances or ((order := state.orders.get(coid)) is not None and order.state in UNSETTLED)
    }
    return msgspec.structs.replace(state, balances={**state.balances, **balances}, promised=promised)


def intend(state: TraderState, approved: Iterable[ApprovedOrder], now: datetime) -> TraderState:
    """Take orders that are about to be submitted into the books: from here on they may exist."""
    orders = [
        Order(
            client_order_id=order.client_order_id,
            run=order.run,
            slot=order.slot,
            cycle=order.cycle,
            attempt=order.attempt,
            symbol=order.symbol,
            side=order.side,
            kind=order.kind,
            quantity=order.quantity,
            price=order.price,
            purpose=order.purpose,
            state=OrderState.INTENDED,
            created_at=now,
            updated_at=now,
        )
        for order in approved
    ]
    state = put_orders(state, orders)
    return msgspec.structs.replace(
        state,
        awaited=state.awaited.union(order.client_order_id for order in orders),
        sent_at=(*state.sent_at, *(now for _ in orders)),
    )


def put_orders(state: TraderState, orders: Iterable[Order]) -> TraderState:
    """Replace what is known of these orders, and all that is derived from it."""
    known = dict(state.orders)
    promised, cancelling = dict(state.promised), dict(state.cancelling)
    slots = dict(state.slots)
    touched: dict[Slot, None] = {}
    for order in orders:
        known[order.client_order_id] = order
        touched[order.slot] = None
        if order.state in TERMINAL:
            promised.pop(order.client_order_id, None)
            cancelling.pop(order.client_order_id, None)
        elif order.state is OrderState.INTENDED:
            promised[order.client_order_id] = _promise(order, state.quotes)
    for slot in touched:
        of_slot = [order for order in known.values() if order.slot == slot]
        kept = worth_keeping(of_slot)
        for order in of_slot:
            if order not in kept:
                del known[order.client_order_id]
        slots[slot] = summarise(kept, state.memory.books.slot_fees.get(slot))
    return msgspec.structs.replace(state, orders=known, slots=slots, promised=promised, cancelling=cancelling)


def is_sound(reading: Reading) -> bool:
    """Whether every number in it is one."""
    numbers = (value for line in reading.values.values() for value in line)
    prices = (price for candle in reading.candles for price in (candle.open, candle.high, candle.low, candle.close))
    return all(map(math.isfinite, numbers)) and all(price.is_finite() and price > 0 for price in prices)


def _promise(order: Order, quotes: Mapping[Symbol, Quote]) -> tuple[Asset, Decimal]:
    if order.side is Side.SELL:
        return base_of(order.symbol), order.remaining
    quote = quotes.get(order.symbol)
    price = order.price if order.price is not None else quote.ask if quote is not None else ZERO
    return quote_of(order.symbol), order.remaining * price


def _by_slot(orders: Iterable[Order]) -> dict[Slot, tuple[Order, ...]]:
    groups: dict[Slot, list[Order]] = {}
    for order in orders:
        groups.setdefault(order.slot, []).append(order)
    return {slot: worth_keeping(group) for slot, group in groups.items()}
