"""What the fleet last knew of each account: shown to people, never trusted by the fleet itself."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import AccountRuntime
from trading.ids import AccountId, Asset, UserId

QUARANTINED = "quarantined"


class Beat(Protocol):
    """What a trader says of itself."""

    @property
    def account(self) -> AccountId: ...
    @property
    def user(self) -> UserId: ...
    @property
    def state(self) -> str: ...
    @property
    def reason(self) -> str: ...


class Balance(Protocol):
    @property
    def free(self) -> Decimal: ...
    @property
    def locked(self) -> Decimal: ...


async def heartbeat(tx: AsyncConnection, host: str, beats: Sequence[Beat], at: datetime) -> None:
    """Note down that these traders live on that host, in one statement."""
    if not beats:
        return
    rows = [
        {
            "account_id": beat.account,
            "user_id": beat.user,
            "state": beat.state,
            "reason": beat.reason,
            "host": host,
            "heartbeat_at": at,
        }
        for beat in sorted(beats, key=lambda beat: beat.account)  # two batches that overlap lock in one order
    ]
    await tx.execute(_upsert(insert(AccountRuntime).values(rows), "state", "reason", "host", "heartbeat_at"))


async def set_state(
    tx: AsyncConnection, account: AccountId, user: UserId, state: str, reason: str = "", *, host: str | None = None
) -> None:
    row = {"account_id": account, "user_id": user, "state": state, "reason": reason, "host": host}
    await tx.execute(_upsert(insert(AccountRuntime).values(row), "state", "reason", "host"))


async def set_stopped(tx: AsyncConnection, accounts: Collection[AccountId]) -> None:
    """Their traders have ended in order. What is quarantined stays so."""
    await tx.execute(
        update(AccountRuntime)
        .where(AccountRuntime.account_id.in_(accounts), AccountRuntime.state != QUARANTINED)
        .values(state="stopped", reason="", host=None, changed_at=func.clock_timestamp())
    )


async def quarantined(tx: AsyncConnection) -> frozenset[AccountId]:
    """The accounts that no trader may be started for until a person releases them."""
    rows = await tx.scalars(select(AccountRuntime.account_id).where(AccountRuntime.state == QUARANTINED))
    return frozenset(AccountId(account) for account in rows)


async def set_balances(
    tx: AsyncConnection, account: AccountId, user: UserId, balances: Mapping[Asset, Balance], at: datetime
) -> None:
    """What the venue last said the account holds, all assets. Older never replaces newer."""
    row = {
        "account_id": account,
        "user_id": user,
        "state": "starting",
        "balances": {asset: [str(balance.free), str(balance.locked)] for asset, balance in balances.items()},
        "balances_at": at,
    }
    await tx.execute(
        _upsert(
            insert(AccountRuntime).values(row),
            "balances",
            "balances_at",
            only_if=func.coalesce(AccountRuntime.balances_at, at) <= at,
        )
    )


def _upsert(rows: Insert, *columns: str, only_if: ColumnElement[bool] | None = None) -> Insert:
    """Write these columns, and when the state changed."""
    new = rows.excluded
    unchanged = (AccountRuntime.state == new.state) & (AccountRuntime.reason == new.reason)
    values: dict[str, ColumnElement[Any]] = {column: new[column] for column in columns}
    if "state" in columns:
        values["changed_at"] = case((unchanged, AccountRuntime.changed_at), else_=func.clock_timestamp())
    return rows.on_conflict_do_update(index_elements=[AccountRuntime.account_id], set_=values, where=only_if)
