"""Accounts: what their owners want of them, and beside it what the fleet last knew."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.keyset import Position, newest_first
from storage.notifications import notify
from storage.tables import Account, AccountRuntime, Credential, StrategyConfig, User
from trading.events import CloseMode
from trading.ids import AccountId, UserId, VenueName

FLEET_CHANNEL = "fleet"
"""The supervisor listens here; the payload is the account whose wishes changed."""


class AccountRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: AccountId
    user_id: UserId
    name: str
    venue: VenueName
    mode: str
    desired_state: str
    isolation: str
    crash_contract: str
    time_zone: str
    created_at: datetime
    archived_at: datetime | None
    state: str | None
    """As the fleet last said; None while it has never run."""
    reason: str | None
    heartbeat_at: datetime | None
    key_last4: str | None
    strategy: str | None
    config_version: int | None


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts a caller may reach. Everything that concerns one account goes through `find_account` with this."""

    user: UserId | None
    """None: every tenant's, for staff."""
    account: AccountId | None = None
    """A token may be locked to one account…"""
    modes: Collection[str] | None = None
    """…or kept from real money."""

    @property
    def shape(self) -> tuple[bool, bool, bool]:
        """Which of its parts bind."""
        return self.user is not None, self.account is not None, self.modes is not None

    @property
    def values(self) -> dict[str, Any]:
        parts = {
            "reach_user": self.user,
            "reach_account": self.account,
            "reach_modes": self.modes and sorted(self.modes),
        }
        return {name: value for (name, value), binds in zip(parts.items(), self.shape, strict=True) if binds}


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    user_id: UserId | None = None
    venue: str | None = None
    mode: str | None = None
    desired_state: str | None = None
    state: str | None = None
    archived: bool = False
    text: str | None = None
    """In its name or its owner's e-mail, or one of their ids."""


@cache
def _accounts(by_user: bool, by_account: bool, by_modes: bool) -> Select[*tuple[Any, ...]]:
    """Within a reach of this shape. Almost every request asks for an account, so the question is built once."""
    newest = (
        select(StrategyConfig.strategy, StrategyConfig.version)
        .where(StrategyConfig.account_id == Account.id)
        .order_by(StrategyConfig.version.desc())
        .limit(1)
        .lateral("config")
    )
    query = (
        select(
            Account.id,
            Account.user_id,
            Account.name,
            Account.venue,
            Account.mode,
            Account.desired_state,
            Account.isolation,
            Account.crash_contract,
            Account.time_zone,
            Account.created_at,
            Account.archived_at,
            AccountRuntime.state,
            AccountRuntime.reason,
            AccountRuntime.heartbeat_at,
            Credential.key_last4,
            newest.c.strategy,
            newest.c.version.label("config_version"),
        )
        .outerjoin(AccountRuntime, AccountRuntime.account_id == Account.id)
        .outerjoin(Credential, Credential.account_id == Account.id)
        .outerjoin(newest, true())
    )
    # Row-level security says the same about the user. Said here too: each alone is enough.
    if by_user:
        query = query.where(Account.user_id == bindparam("reach_user"))
    if by_account:
        query = query.where(Account.id == bindparam("reach_account"))
    if by_modes:
        query = query.where(Account.mode.in_(bindparam("reach_modes", expanding=True)))
    return query


@cache
def _one_account(*shape: bool) -> Select[*tuple[Any, ...]]:
    return _accounts(*shape).where(Account.id == bindparam("account"))


async def find_account(tx: AsyncConnection, account: AccountId, reach: Reach) -> AccountRecord | None:
    row = (await tx.execute(_one_account(*reach.shape), {"account": account, **reach.values})).one_or_none()
    return None if row is None else AccountRecord(**row._mapping)


async def list_accounts(
    tx: AsyncConnection, reach: Reach, wanted: Filter, after: Position | None, limit: int
) -> list[AccountRecord]:
    query = _accounts(*reach.shape)
    for column, value in (
        (Account.user_id, wanted.user_id),
        (Account.venue, wanted.venue),
        (Account.mode, wanted.mode),
        (Account.desired_state, wanted.desired_state),
        (AccountRuntime.state, wanted.state),
    ):
        if value is not None:
            query = query.where(column == value)
    if wanted.text is not None:
        owners = select(User.id).where(User.email.icontains(wanted.text, autoescape=True))
        query = query.where(
            or_(
                Account.name.icontains(wanted.text, autoescape=True),
                Account.user_id.in_(owners),
                Account.id == wanted.text,
                Account.user_id == wanted.text,
            )
        )
    query = query.where(Account.archived_at.is_not(None) if wanted.archived else Account.archived_at.is_(None))
    rows = await tx.execute(newest_first(query, (Account.created_at, Account.id), after, limit), reach.values)
    return [AccountRecord(**row._mapping) for row in rows]


class AccountCount(msgspec.Struct, frozen=True, kw_only=True):
    mode: str
    desired_state: str
    state: str
    accounts: int


async def count_accounts(tx: AsyncConnection) -> list[AccountCount]:
    """Of all tenants that the transaction may see."""
    state = func.coalesce(AccountRuntime.state, "stopped").label("state")
    rows = await tx.execute(
        select(Account.mode, Account.desired_state, state, func.count().label("accounts"))
        .outerjoin(AccountRuntime, AccountRuntime.account_id == Account.id)
        .where(Account.archived_at.is_(None))
        .group_by(Account.mode, Account.desired_state, state)
    )
    return [AccountCount(**row._mapping) for row in rows]


async def add_account(
    tx: AsyncConnection,
    account: AccountId,
    user: UserId,
    *,
    name: str,
    venue: str,
    mode: str,
    isolation: str,
    crash_contract: str,
    time_zone: str,
) -> bool:
    """Add an account. False when its user has one of that name."""
    added = await tx.execute(
        upsert(Account)
        .values(
            id=account,
            user_id=user,
            name=name,
            venue=venue,
            mode=mode,
            isolation=isolation,
            crash_contract=crash_contract,
            time_zone=time_zone,
        )
        .on_conflict_do_nothing(index_elements=[Account.user_id, Account.name])
        .returning(Account.id)
    )
    return added.scalar_one_or_none() is not None


async def name_is_taken(tx: AsyncConnection, user: UserId, name: str, *, except_for: AccountId) -> bool:
    found = await tx.execute(
        select(Account.id).where(Account.user_id == user, Account.name == name, Account.id != except_for)
    )
    return found.first() is not None


async def change_account(tx: AsyncConnection, account: AccountId, changes: dict[str, Any]) -> None:
    await tx.execute(update(Account).where(Account.id == account).values(**changes))


async def archive_account(tx: AsyncConnection, account: AccountId) -> None:
    await tx.execute(
        update(Account).where(Account.id == account, Account.archived_at.is_(None)).values(archived_at=func.now())
    )


async def set_desired_state(
    tx: AsyncConnection, account: AccountId, *, was: str, becomes: str, closing: CloseMode | None = None
) -> bool:
    """Write what the owner wants now and wake the supervisor at commit. False when somebody else was quicker.

    `closing` says how the run shall end when the account is stopped.
    """
    changed = await tx.execute(
        update(Account)
        .where(Account.id == account, Account.desired_state == was, Account.archived_at.is_(None))
        .values(desired_state=becomes, closing=closing)
        .returning(Account.id)
    )
    if changed.scalar_one_or_none() is None:
        return False
    await notify(tx, FLEET_CHANNEL, account)
    return True
