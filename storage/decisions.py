"""What traders decided and why: the log that answers "why isn't it trading?"."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import DecisionRow
from trading.events import Record
from trading.ids import AccountId, RunId, UserId


class Decided(Protocol):
    """A line of the log, with an id that tells it from others of the same moment."""

    @property
    def id(self) -> str: ...
    @property
    def account(self) -> AccountId: ...
    @property
    def user(self) -> UserId: ...
    @property
    def run(self) -> RunId: ...
    @property
    def record(self) -> Record: ...


async def write_decisions(tx: AsyncConnection, rows: Sequence[Decided]) -> None:
    """Write a batch. Written again, whole or in part, it changes nothing."""
    if not rows:
        return
    values = [
        {
            "account_id": row.account,
            "at": row.record.at,
            "id": row.id,
            "user_id": row.user,
            "run_id": row.run,
            "kind": row.record.kind,
            "symbol": row.record.symbol,
            "reason": row.record.reason,
            "detail": msgspec.to_builtins(row.record.detail),
        }
        for row in rows
    ]
    await tx.execute(insert(DecisionRow).on_conflict_do_nothing(), values)
