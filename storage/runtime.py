"""What the fleet last knew of each account: shown to people, never trusted by the fleet itself."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy import ColumnElement, case, func, select, update
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import FLEET_CHANNEL
from storage.events import News, tell
from storage.notifications import notify
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
    rows = [
        {
            "account_id": beat.account,
            "user_id": beat.user,
            "state": beat.state,
            "reason": beat.reason,
            "host": host,
            "heartbeat_at": at,
        }
        for beat in beats
    ]
    await _write(tx, rows, "state", "reason", "host", "heartbeat_at")


async def set_states(
    tx: AsyncConnection,
    accounts: Collection[tuple[AccountId, UserId]],
    state: str,
    reason: str = "",
    *,
    host: str | None = None,
) -> None:
    rows = [
        {"account_id": account, "user_id": user, "state": state, "reason": reason, "host": host}
        for account, user in accounts
    ]
    await _write(tx, rows, "state", "reason", "host")


async def release(tx: AsyncConnection, account: AccountId) -> bool:
    """Let an account out of quarantine, and have the supervisor look. False when it is in none."""
    released = await tx.scalar(
        update(AccountRuntime)
        .where(AccountRuntime.account_id == account, AccountRuntime.state == QUARANTINED)
        .values(state="stopped", reason="", changed_at=func.clock_timestamp())
        .returning(AccountRuntime.user_id)
    )
    if released is None:
        return False
    await tell(tx, [News(UserId(released), account, "account", {"state": "stopped", "reason": "released"})])
    await notify(tx, FLEET_CHANNEL, account)
    return True


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


async def _write(tx: AsyncConnection, rows: list[dict[str, Any]], *columns: str) -> None:
    """Write these columns, and tell of every account that is in another state now than before.

    What is quarantined stays so, whatever is still said of its trader: only `release` lets it out.
    """
    if not rows:
        return
    rows.sort(key=lambda row: str(row["account_id"]))  # two batches that overlap lock in one order
    new = insert(AccountRuntime).values(rows)
    may_change = (AccountRuntime.state != QUARANTINED) | (new.excluded.state == QUARANTINED)
    statement = _upsert(new, *columns, only_if=may_change).returning(
        AccountRuntime.account_id,
        AccountRuntime.user_id,
        AccountRuntime.state,
        AccountRuntime.reason,
        (AccountRuntime.changed_at >= func.now()).label("changed"),
    )
    found = (await tx.execute(statement)).all()
    await tell(
        tx,
        [
            News(row.user_id, row.account_id, "account", {"state": row.state, "reason": row.reason})
            for row in found
            if row.changed
        ],
    )


def _upsert(rows: Insert, *columns: str, only_if: ColumnElement[bool] | None = None) -> Insert:
    """Write these columns, and when the state changed."""
    new = rows.excluded
    unchanged = (AccountRuntime.state == new.state) & (AccountRuntime.reason == new.reason)
    values: dict[str, ColumnElement[Any]] = {column: new[column] for column in columns}
    if "state" in columns:
        values["changed_at"] = case((unchanged, AccountRuntime.changed_at), else_=func.clock_timestamp())
    return rows.on_conflict_do_update(index_elements=[AccountRuntime.account_id], set_=values, where=only_if)
