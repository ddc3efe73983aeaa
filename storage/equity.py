"""What accounts were worth, moment by moment."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import EquityRow
from trading.ids import AccountId, Asset, UserId


class Worth(Protocol):
    """What an account was worth at a moment, in its quote asset."""

    @property
    def account(self) -> AccountId: ...
    @property
    def user(self) -> UserId: ...
    @property
    def at(self) -> datetime: ...
    @property
    def quote_asset(self) -> Asset: ...
    @property
    def equity(self) -> Decimal: ...
    @property
    def realised(self) -> Decimal: ...
    @property
    def unrealised(self) -> Decimal: ...


async def write_equity(tx: AsyncConnection, rows: Sequence[Worth]) -> None:
    """Write a batch. Written again, whole or in part, it changes nothing."""
    if not rows:
        return
    values = [
        {
            "account_id": row.account,
            "at": row.at,
            "user_id": row.user,
            "quote_asset": row.quote_asset,
            "equity": row.equity,
            "realised": row.realised,
            "unrealised": row.unrealised,
        }
        for row in rows
    ]
    await tx.execute(insert(EquityRow).on_conflict_do_nothing(), values)
