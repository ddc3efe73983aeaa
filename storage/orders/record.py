"""Taking news of an account's orders: what is really new is counted, numbered, written and told, once."""

from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import ARRAY, ColumnElement, Text, any_, literal, or_, select, text, tuple_, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.notifications import EVENTS
from storage.orders.books import Books, FillEntry
from storage.orders.cursors import lock_news
from storage.orders.news import KnownOrder, OrderNews
from storage.orders.rows import fill_of, known_order, select_orders
from storage.tables import FillRow, OrderRow
from trading.events import OrderChanged
from trading.fills import Fill
from trading.ids import AccountId, UserId

TIMES_APART_MAX = timedelta(days=1)
"""By how much two accounts of one trade, or our clock and the venue's, can differ. It keeps the search for what is
recorded already out of the chunks of long ago."""

# One round trip. The rows come as JSON whose fields are the columns.
WRITE = text("""
    WITH new_fills AS (
        INSERT INTO fills (account_id, user_id, symbol, trade_id, at, run_id, client_order_id, venue_order_id, side,
            price, quantity, fee, fee_asset, maker, seq)
        SELECT :account, :user, symbol, trade_id, at, run_id, client_order_id, venue_order_id, side,
            price, quantity, fee, fee_asset, maker, seq
        FROM jsonb_to_recordset(CAST(:new_fills AS jsonb)) AS f (
            symbol text, trade_id text, at timestamptz, run_id text, client_order_id text, venue_order_id text,
            side text, price numeric, quantity numeric, fee numeric, fee_asset text, maker boolean, seq bigint)
    ), changed_orders AS (
        UPDATE orders SET state = o.state, venue_order_id = o.venue_order_id, filled = o.filled,
            quote_filled = o.quote_filled, reason = o.reason, updated_at = o.updated_at, settled_at = o.settled_at
        FROM jsonb_to_recordset(CAST(:orders AS jsonb)) AS o (
            client_order_id text, state text, venue_order_id text, filled numeric, quote_filled numeric, reason text,
            updated_at timestamptz, settled_at timestamptz)
        WHERE orders.account_id = :account AND orders.client_order_id = o.client_order_id
    ), told AS (
        INSERT INTO events (user_id, account_id, kind, body)
        SELECT :user, :account, kind, body FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS e (kind text, body jsonb)
    ), counted AS (
        UPDATE account_cursors SET seq = :seq WHERE account_id = :account
    )
    SELECT pg_notify(:channel, :user)
""")
ADOPT = text("""
    UPDATE fills SET run_id = :run_id, client_order_id = :client_order_id, seq = :seq
    WHERE account_id = :account AND symbol = :symbol AND trade_id = :trade_id AND at = :at
""")


async def record(
    tx: AsyncConnection, account: AccountId, user: UserId, news: Sequence[OrderNews | Fill]
) -> tuple[OrderChanged, ...]:
    """Take news in the order that it came. Answers what changed, numbered without a gap; what was known is silent.

    A fill belongs to the order that it names, or else to the one with its venue order id, also when that id is learned
    only later. A fill that belongs to none is somebody else's trade on the account: kept, with no run and no number.
    """
    seq, now = await lock_news(tx, account)
    orders = await _load_orders(tx, account, news)
    books = Books(seq, now, orders, await _load_fills(tx, account, orders, news))
    for item in news:
        books.take(item)
    await _write(tx, account, user, books)
    return tuple(books.changes)


async def _load_orders(
    tx: AsyncConnection, account: AccountId, news: Sequence[OrderNews | Fill]
) -> Sequence[KnownOrder]:
    names = {item.client_order_id for item in news if item.client_order_id is not None}
    venue_ids = {item.venue_order_id for item in news if isinstance(item, Fill) and item.client_order_id is None}
    mentioned = [_is_one_of(OrderRow.client_order_id, names)] if names else []
    mentioned += [_is_one_of(OrderRow.venue_order_id, venue_ids)] if venue_ids else []
    if not mentioned:
        return []
    return [known_order(row) for row in await tx.execute(select_orders(account).where(or_(*mentioned)))]


async def _load_fills(
    tx: AsyncConnection, account: AccountId, orders: Iterable[KnownOrder], news: Sequence[OrderNews | Fill]
) -> Sequence[Fill]:
    """Those of the news that are recorded already, and those without an owner that may now find theirs."""
    ours = select(*FillRow.__table__.columns).where(FillRow.account_id == account)
    queries = []
    if told := [item for item in news if isinstance(item, Fill)]:
        same = tuple_(FillRow.symbol, FillRow.trade_id).in_([(fill.symbol, fill.trade_id) for fill in told])
        times = [fill.at for fill in told]
        around = FillRow.at.between(min(times) - TIMES_APART_MAX, max(times) + TIMES_APART_MAX)
        queries.append(ours.where(same, around))
    nameless = {known.order.client_order_id: known.order for known in orders if known.order.venue_order_id is None}
    if learned := {item.venue_order_id for item in news if item.venue_order_id and item.client_order_id in nameless}:
        since = min(order.created_at for order in nameless.values()) - TIMES_APART_MAX
        without_owner = FillRow.client_order_id.is_(None) & _is_one_of(FillRow.venue_order_id, learned)
        queries.append(ours.where(without_owner, FillRow.at > since))
    if not queries:
        return []
    return [fill_of(row) for row in await tx.execute(union_all(*queries))]


def _is_one_of(column: ColumnElement[Any] | Any, values: Collection[str]) -> ColumnElement[bool]:
    """`IN`, as one parameter: the statement stays the same however many there are, and so does its plan."""
    is_one_of: ColumnElement[bool] = column == any_(literal(sorted(values), ARRAY(Text)))
    return is_one_of


async def _write(tx: AsyncConnection, account: AccountId, user: UserId, books: Books) -> None:
    changed = [entry for entry in books.fills.values() if entry.changed]
    if not changed and not books.changed_orders:
        return
    orders = [books.orders[name] for name in sorted(books.changed_orders)]
    await tx.execute(
        WRITE,
        {
            "account": account,
            "user": user,
            "seq": books.seq,
            "channel": EVENTS,
            "new_fills": _json(_fill_row(books, entry) for entry in changed if not entry.stored),
            "orders": _json(msgspec.structs.asdict(o.order) | {"settled_at": o.settled_at} for o in orders),
            "events": _json({"kind": "fill" if c.fill else "order", "body": c} for c in books.changes),
        },
    )
    if adopted := [_fill_row(books, entry) | {"account": account} for entry in changed if entry.stored]:
        await tx.execute(ADOPT, adopted)


def _fill_row(books: Books, entry: FillEntry) -> dict[str, Any]:
    name = entry.fill.client_order_id
    owner = books.orders.get(name) if name else None
    return msgspec.structs.asdict(entry.fill) | {"run_id": owner.order.run if owner else None, "seq": entry.seq}


def _json(rows: Iterable[object]) -> str:
    return msgspec.json.encode(list(rows)).decode()
