"""Controls: what people allow to trade. The gate that every order passes reads the same rows (`storage.orders`)."""

from collections.abc import Collection
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.fleet import PLATFORM
from storage.tables import Control
from trading.events import Control as ControlState
from trading.ids import AccountId, Symbol, UserId


class ControlRecord(msgspec.Struct, frozen=True, kw_only=True):
    scope: str
    state: ControlState
    reason: str
    changed_by: UserId | None
    changed_at: datetime


COLUMNS = (Control.scope, Control.state, Control.reason, Control.changed_by, Control.changed_at)


def symbol_scope(account: AccountId, symbol: Symbol) -> str:
    return f"{account}/{symbol}"


async def list_controls(tx: AsyncConnection, user: UserId, accounts: Collection[AccountId] = ()) -> list[ControlRecord]:
    """The switches over a user, over these accounts and their symbols, and over the platform. Never turned, none."""
    levels: list[ColumnElement[bool]] = [Control.scope.in_([PLATFORM, user, *accounts])]
    levels += [Control.scope.startswith(f"{account}/", autoescape=True) for account in accounts]
    rows = await tx.execute(select(*COLUMNS).where(or_(*levels)).order_by(Control.scope))
    return [ControlRecord(**row._asdict() | {"state": ControlState(row.state)}) for row in rows]


async def find_control(tx: AsyncConnection, scope: str) -> ControlRecord | None:
    row = (await tx.execute(select(*COLUMNS).where(Control.scope == scope))).one_or_none()
    return None if row is None else ControlRecord(**row._asdict() | {"state": ControlState(row.state)})


async def set_control(  # noqa: PLR0917  (a switch, its position, and who turned it why)
    tx: AsyncConnection, scope: str, owner: UserId | None, state: ControlState, reason: str, by: UserId | None
) -> None:
    """Turn a switch. From its commit on, no order that it forbids passes the gate."""
    values = {"user_id": owner, "state": state.value, "reason": reason, "changed_by": by}
    await tx.execute(
        insert(Control)
        .values(scope=scope, **values)
        .on_conflict_do_update(index_elements=[Control.scope], set_=values | {"changed_at": func.clock_timestamp()})
    )
