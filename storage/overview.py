"""The fleet at a glance: how many accounts are in which state, and on which hosts. For staff."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import Account, AccountRuntime


class HostRead(msgspec.Struct, frozen=True, kw_only=True):
    """A process that trades, by the heartbeats of its accounts."""

    host: str
    accounts: int
    heartbeat_at: datetime | None
    """The oldest of them: one that hangs must not hide behind one that lives."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    by_wish: dict[str, int]
    by_state: dict[str, int]
    hosts: Sequence[HostRead]
    at: datetime


async def fleet_overview(tx: AsyncConnection, now: datetime) -> Overview:
    live = Account.archived_at.is_(None)
    wishes = await tx.execute(select(Account.desired_state, func.count()).where(live).group_by(Account.desired_state))
    states = await tx.execute(
        select(AccountRuntime.state, func.count())
        .join(Account, Account.id == AccountRuntime.account_id)
        .where(live)
        .group_by(AccountRuntime.state)
        .order_by(func.count().desc())
    )
    hosts = await tx.execute(
        select(
            AccountRuntime.host,
            func.count().label("accounts"),
            func.min(AccountRuntime.heartbeat_at).label("heartbeat_at"),
        )
        .where(AccountRuntime.host.is_not(None), AccountRuntime.state != "stopped")
        .group_by(AccountRuntime.host)
        .order_by(func.min(AccountRuntime.heartbeat_at))
    )
    return Overview(
        by_wish=dict(wishes.tuples().all()),
        by_state=dict(states.tuples().all()),
        hosts=[HostRead(**row._mapping) for row in hosts],
        at=now,
    )
