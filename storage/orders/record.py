"""Taking news of an account's orders: what is really new is counted, numbered, written and told, once."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import bindparam, insert, or_, select, tuple_, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.notifications import EVENTS, notify
from storage.orders.books import Books, FillEntry
from storage.orders.cursors import lock_news
from storage.orders.news import KnownOrder, OrderNews
from storage.orders.rows import fill_of, known_order, select_orders
from storage.tables import AccountCursor, Event, FillRow, OrderIntent, OrderRow
from trading.events import OrderChanged
from trading.fills import Fill
from trading.ids import AccountId, UserId

CLOCKS_APART_MAX = timedelta(hours=1)
"""No fill is older than its order by more than the venue's clock and ours can differ."""


async def record(
    tx: AsyncConnection, account: AccountId, user: UserId, news: Sequence[OrderNews | Fill]
) -> tuple[OrderChanged, ...]:
    """Take news in the order that it came. Answers what changed, numbered without a gap; what was known is silent.

    A fill belongs to the order that it names, or else to the one with its venue order id, also when that id is learned
    only later. A fill that belongs to none is somebody else's trade on the account: kept, with no run and no number.
    """
    before, now = await lock_news(tx, account)
    orders = await _load_orders(tx, account, news)
    books = Books(before, now, orders, await _load_fills(tx, account, orders, news))
    for item in news:
        books.take(item)
    await _write_fills(tx, account, user, books)
    await _write_orders(tx, account, books)
    if books.seq > before:
        await tx.execute(update(AccountCursor).where(AccountCursor.account_id == account).values(seq=books.seq))
        await _tell(tx, account, user, books.changes)
    return tuple(books.changes)


async def _load_orders(
    tx: AsyncConnection, account: AccountId, news: Sequence[OrderNews | Fill]
) -> Sequence[KnownOrder]:
    names = {item.client_order_id for item in news if item.client_order_id is not None}
    venue_ids = {item.venue_order_id for item in news if isinstance(item, Fill) and item.client_order_id is None}
    mentioned = or_(OrderIntent.client_order_id.in_(names), OrderRow.venue_order_id.in_(venue_ids))
    return [known_order(row) for row in await tx.execute(select_orders(account).where(mentioned))]


async def _load_fills(
    tx: AsyncConnection, account: AccountId, orders: Iterable[KnownOrder], news: Sequence[OrderNews | Fill]
) -> Sequence[Fill]:
    """Those of the news that are recorded already, and those without an owner that may now find theirs."""
    ours = select(*FillRow.__table__.columns).where(FillRow.account_id == account)
    queries = []
    if told := {(item.symbol, item.trade_id) for item in news if isinstance(item, Fill)}:
        queries.append(ours.where(tuple_(FillRow.symbol, FillRow.trade_id).in_(told)))
    nameless = {known.order.client_order_id: known.order for known in orders if known.order.venue_order_id is None}
    if learned := {item.venue_order_id for item in news if item.venue_order_id and item.client_order_id in nameless}:
        since = min(order.created_at for order in nameless.values()) - CLOCKS_APART_MAX
        without_owner = ours.where(FillRow.client_order_id.is_(None), FillRow.venue_order_id.in_(learned))
        queries.append(without_owner.where(FillRow.at > since))
    if not queries:
        return []
    return [fill_of(row) for row in await tx.execute(union_all(*queries))]


async def _write_fills(tx: AsyncConnection, account: AccountId, user: UserId, books: Books) -> None:
    changed = [entry for entry in books.fills.values() if entry.changed]
    new = [_fill_values(account, user, books, entry) for entry in changed if not entry.stored]
    if new:
        await tx.execute(insert(FillRow), new)
    adopted = [_fill_values(account, user, books, entry) for entry in changed if entry.stored]
    for values in adopted:
        await tx.execute(
            update(FillRow)
            .where(*(getattr(FillRow, key) == values[key] for key in ("account_id", "symbol", "trade_id", "at")))
            .values({name: values[name] for name in ("run_id", "client_order_id", "seq")})
        )


def _fill_values(account: AccountId, user: UserId, books: Books, entry: FillEntry) -> dict[str, Any]:
    name = entry.fill.client_order_id
    owner = books.orders.get(name) if name else None
    return msgspec.structs.asdict(entry.fill) | {
        "account_id": account,
        "user_id": user,
        "run_id": owner.order.run if owner else None,
        "seq": entry.seq,
    }


async def _write_orders(tx: AsyncConnection, account: AccountId, books: Books) -> None:
    if not books.changed_orders:
        return
    columns = ("state", "venue_order_id", "filled", "quote_filled", "reason", "updated_at")
    await tx.execute(
        update(OrderRow)
        .where(OrderRow.account_id == account, OrderRow.client_order_id == bindparam("name"))
        .values({column: bindparam(f"new_{column}") for column in (*columns, "settled_at")}),
        [
            {f"new_{column}": getattr(books.orders[name].order, column) for column in columns}
            | {"name": name, "new_settled_at": books.orders[name].settled_at}
            for name in sorted(books.changed_orders)
        ],
    )


async def _tell(tx: AsyncConnection, account: AccountId, user: UserId, changes: Sequence[OrderChanged]) -> None:
    """Put the changes into the outbox, and wake whoever reads it."""
    rows = [
        {
            "user_id": user,
            "account_id": account,
            "kind": "order" if change.fill is None else "fill",
            "body": msgspec.to_builtins(change),
        }
        for change in changes
    ]
    await tx.execute(insert(Event), rows)
    await notify(tx, EVENTS, user)
