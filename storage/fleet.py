"""What the supervisor reads: which accounts should trade, how, and under which controls."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.ids import new_id
from storage.tables import Account, Credential, Run, StrategyConfig
from storage.tables import Control as ControlRow
from trading.events import Control
from trading.ids import AccountId, RunId, Symbol, UserId, VenueName

PLATFORM = "*"
STRICTNESS = (Control.ACTIVE, Control.REDUCE_ONLY, Control.HALTED)


class DesiredAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that its owner wants to trade, and that has all it needs for it."""

    account: AccountId
    user: UserId
    venue: VenueName
    isolation: str
    crash_contract: str
    time_zone: str
    config_id: str
    strategy: str
    params: Mapping[str, Any]
    credential_version: int

    @property
    def revision(self) -> str:
        """Names what its trader is made from: another one means a new trader."""
        return f"{self.config_id}/{self.credential_version}"


async def desired(tx: AsyncConnection) -> list[DesiredAccount]:
    """Every account that should run, has a key and a strategy, and is not archived; with its newest config."""
    newest = (
        select(StrategyConfig.id, StrategyConfig.strategy, StrategyConfig.params)
        .where(StrategyConfig.account_id == Account.id)
        .order_by(StrategyConfig.version.desc())
        .limit(1)
        .lateral()
    )
    rows = await tx.execute(
        select(
            Account.id.label("account"),
            Account.user_id.label("user"),
            Account.venue,
            Account.isolation,
            Account.crash_contract,
            Account.time_zone,
            newest.c.id.label("config_id"),
            newest.c.strategy,
            newest.c.params,
            Credential.version.label("credential_version"),
        )
        .select_from(Account)
        .join(newest, true())
        .join(Credential, Credential.account_id == Account.id)
        .where(Account.desired_state == "running", Account.archived_at.is_(None))
        .order_by(Account.id)
    )
    return [DesiredAccount(**row._mapping) for row in rows]


async def open_run(tx: AsyncConnection, account: AccountId, user: UserId, config_id: str) -> RunId:
    """The account's live run when it is of this config; else that one is closed and a new one opened."""
    live = Run.closed_at.is_(None)
    await tx.execute(
        update(Run)
        .where(Run.account_id == account, live, Run.config_id != config_id)
        .values(state="closed", closed_at=func.clock_timestamp())
    )
    await tx.execute(
        insert(Run)
        .values(id=new_id("run"), account_id=account, user_id=user, config_id=config_id)
        .on_conflict_do_nothing(index_elements=[Run.account_id], index_where=live)
    )
    run = await tx.scalar(select(Run.id).where(Run.account_id == account, live))
    assert run is not None
    return RunId(run)


async def controls_for(
    tx: AsyncConnection, account: AccountId, user: UserId
) -> tuple[Control, Mapping[Symbol, Control]]:
    """The strictest control over the account as a whole, and those over its symbols."""
    scope = ControlRow.scope
    over_symbols = f"{account}/"
    rows = await tx.execute(
        select(scope, ControlRow.state).where(
            or_(scope.in_([PLATFORM, user, account]), scope.startswith(over_symbols, autoescape=True))
        )
    )
    states = {row.scope: Control(row.state) for row in rows}
    symbols = {Symbol(name.removeprefix(over_symbols)): state for name, state in states.items() if over_symbols in name}
    levels = [state for name, state in states.items() if over_symbols not in name]
    return max(levels, key=STRICTNESS.index, default=Control.ACTIVE), symbols
