"""What the supervisor reads: which accounts should trade, how, and under which controls."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import case, func, or_, select, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.ids import new_id
from storage.tables import Account, Credential, Run, StrategyConfig
from storage.tables import Control as ControlRow
from trading.events import CloseMode, Control
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
    closing: CloseMode | None
    """Its run is to end this way; until that is done it is still wanted."""

    @property
    def revision(self) -> str:
        """Names what its trader is made from: another one means a new trader."""
        return f"{self.config_id}/{self.credential_version}"


async def desired(tx: AsyncConnection) -> list[DesiredAccount]:
    """Every account that should run, or whose run should yet be closed, if it has all it needs for that.

    With its newest config. But a run of another strategy is closed before the new one begins: nobody else would take
    care of its orders.
    """
    newest = (
        select(StrategyConfig.id, StrategyConfig.strategy, StrategyConfig.params)
        .where(StrategyConfig.account_id == Account.id)
        .order_by(StrategyConfig.version.desc())
        .limit(1)
        .lateral("newest")
    )
    live = (
        select(StrategyConfig.id, StrategyConfig.strategy, StrategyConfig.params)
        .join(Run, Run.config_id == StrategyConfig.id)
        .where(Run.account_id == Account.id, Run.closed_at.is_(None))
        .lateral("live")
    )
    is_other = live.c.strategy != newest.c.strategy
    is_stopped = Account.desired_state == "stopped"
    rows = await tx.execute(
        select(
            Account.id.label("account"),
            Account.user_id.label("user"),
            Account.venue,
            Account.isolation,
            Account.crash_contract,
            Account.time_zone,
            case((is_other | is_stopped, live.c.id), else_=newest.c.id).label("config_id"),
            case((is_other | is_stopped, live.c.strategy), else_=newest.c.strategy).label("strategy"),
            case((is_other | is_stopped, live.c.params), else_=newest.c.params).label("params"),
            Credential.version.label("credential_version"),
            case((is_stopped, Account.closing), (is_other, CloseMode.CANCEL)).label("closing"),
        )
        .select_from(Account)
        .join(newest, true())
        .join(live, true(), isouter=True)
        .join(Credential, Credential.account_id == Account.id)
        .where(
            (Account.desired_state == "running") | (is_stopped & Account.closing.is_not(None) & live.c.id.is_not(None)),
            Account.archived_at.is_(None),
        )
        .order_by(Account.id)
    )
    return [
        DesiredAccount(**{**row._mapping, "closing": CloseMode(row.closing) if row.closing else None}) for row in rows
    ]


async def open_runs(tx: AsyncConnection, accounts: Sequence[tuple[AccountId, UserId, str]]) -> dict[AccountId, RunId]:
    """Each account's live run, from now on of this config, or a new one.

    New params go on with what the old ones began: the strategy is the same (see `desired`), and so are its orders.
    """
    if not accounts:
        return {}
    rows = [
        {"id": new_id("run"), "account_id": account, "user_id": user, "config_id": config}
        for account, user, config in sorted(accounts)
    ]
    runs = insert(Run).values(rows)
    opened = await tx.execute(
        runs.on_conflict_do_update(
            index_elements=[Run.account_id],
            index_where=Run.closed_at.is_(None),
            set_={"config_id": runs.excluded.config_id},
        ).returning(Run.account_id, Run.id)
    )
    return {AccountId(account): RunId(run) for account, run in opened}


async def close_run(tx: AsyncConnection, account: AccountId) -> None:
    """Its trader says that nothing of it works at the venue any more."""
    await tx.execute(
        update(Run)
        .where(Run.account_id == account, Run.closed_at.is_(None))
        .values(state="closed", closed_at=func.clock_timestamp())
    )
    await tx.execute(update(Account).where(Account.id == account).values(closing=None))


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
