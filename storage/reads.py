"""What customers read of their trading: orders, fills, decisions, balances.

Fills and decisions are hypertables without row-level security, so every question here names the account *and* its
user: both come from an `AccountRecord`, which only `accounts.find_account` gives out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import AccountRecord
from storage.keyset import Position, newest_first
from storage.tables import AccountRuntime, DecisionRow, FillRow, OrderIntent, OrderRow
from trading.orders import WORKING, OrderState


class OrderRead(msgspec.Struct, frozen=True, kw_only=True):
    client_order_id: str
    venue_order_id: str | None
    run_id: str
    slot: str
    symbol: str
    side: str
    kind: str
    purpose: str
    quantity: Decimal
    price: Decimal | None
    filled: Decimal
    quote_filled: Decimal
    state: str
    why: str
    """Why it was wanted."""
    reason: str
    """Why it ended, in the venue's words."""
    intended_at: datetime
    updated_at: datetime


class FillRead(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    symbol: str
    trade_id: str
    client_order_id: str | None
    venue_order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    maker: bool


class LatestFill(FillRead, frozen=True, kw_only=True):
    account_id: str


class DecisionRead(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    at: datetime
    run_id: str
    kind: str
    symbol: str | None
    reason: str
    detail: Mapping[str, Any]


class BalancesRead(msgspec.Struct, frozen=True, kw_only=True):
    balances: Mapping[str, Any] | None
    balances_at: datetime | None


async def list_orders(
    tx: AsyncConnection,
    account: AccountRecord,
    after: Position | None,
    limit: int,
    *,
    symbol: str | None = None,
    open_only: bool = False,
) -> list[OrderRead]:
    query = (
        select(
            OrderIntent.client_order_id,
            OrderRow.venue_order_id,
            OrderIntent.run_id,
            OrderIntent.slot,
            OrderIntent.symbol,
            OrderIntent.side,
            OrderIntent.kind,
            OrderIntent.purpose,
            OrderIntent.quantity,
            OrderIntent.price,
            OrderRow.filled,
            OrderRow.quote_filled,
            OrderRow.state,
            OrderIntent.reason.label("why"),
            OrderRow.reason,
            OrderIntent.intended_at,
            OrderRow.updated_at,
        )
        .join(
            OrderRow,
            (OrderRow.account_id == OrderIntent.account_id) & (OrderRow.client_order_id == OrderIntent.client_order_id),
        )
        .where(OrderIntent.account_id == account.id, OrderIntent.user_id == account.user_id)
    )
    if symbol is not None:
        query = query.where(OrderIntent.symbol == symbol)
    if open_only:
        query = query.where(OrderRow.state.in_([*WORKING, OrderState.INTENDED, OrderState.UNKNOWN]))
    columns = (OrderIntent.intended_at, OrderIntent.client_order_id)
    return [OrderRead(**row._mapping) for row in await tx.execute(newest_first(query, columns, after, limit))]


FILL_COLUMNS = (
    FillRow.at,
    FillRow.symbol,
    FillRow.trade_id,
    FillRow.client_order_id,
    FillRow.venue_order_id,
    FillRow.side,
    FillRow.price,
    FillRow.quantity,
    FillRow.fee,
    FillRow.fee_asset,
    FillRow.maker,
)


async def list_fills(
    tx: AsyncConnection,
    account: AccountRecord,
    after: Position | None,
    limit: int,
    *,
    symbol: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[FillRead]:
    """Newest first, from `since` on and before `until`."""
    query = select(*FILL_COLUMNS).where(FillRow.account_id == account.id, FillRow.user_id == account.user_id)
    if symbol is not None:
        query = query.where(FillRow.symbol == symbol)
    if since is not None:
        query = query.where(FillRow.at >= since)
    if until is not None:
        query = query.where(FillRow.at < until)
    columns = (FillRow.at, FillRow.symbol, FillRow.trade_id)
    return [FillRead(**row._mapping) for row in await tx.execute(newest_first(query, columns, after, limit))]


async def latest_fills(tx: AsyncConnection, accounts: Sequence[AccountRecord], limit: int) -> list[LatestFill]:
    """The newest of several accounts together."""
    query = (
        select(*FILL_COLUMNS, FillRow.account_id)
        .where(tuple_(FillRow.account_id, FillRow.user_id).in_([(one.id, one.user_id) for one in accounts]))
        .order_by(FillRow.at.desc(), FillRow.symbol.desc(), FillRow.trade_id.desc())
        .limit(limit)
    )
    return [LatestFill(**row._mapping) for row in await tx.execute(query)]


async def list_decisions(
    tx: AsyncConnection, account: AccountRecord, after: Position | None, limit: int, *, kind: str | None = None
) -> list[DecisionRead]:
    query = select(
        DecisionRow.id,
        DecisionRow.at,
        DecisionRow.run_id,
        DecisionRow.kind,
        DecisionRow.symbol,
        DecisionRow.reason,
        DecisionRow.detail,
    ).where(DecisionRow.account_id == account.id, DecisionRow.user_id == account.user_id)
    if kind is not None:
        query = query.where(DecisionRow.kind == kind)
    columns = (DecisionRow.at, DecisionRow.id)
    return [DecisionRead(**row._mapping) for row in await tx.execute(newest_first(query, columns, after, limit))]


async def read_balances(tx: AsyncConnection, account: AccountRecord) -> BalancesRead:
    """As the venue last reported them; nothing at all before the first report."""
    found = await tx.execute(
        select(AccountRuntime.balances, AccountRuntime.balances_at).where(AccountRuntime.account_id == account.id)
    )
    row = found.one_or_none()
    return BalancesRead(balances=None, balances_at=None) if row is None else BalancesRead(**row._mapping)
