"""Strategy configs: an edit makes a new version, and no version is ever changed."""

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.keyset import Position, newest_first
from storage.tables import StrategyConfig
from trading.ids import AccountId, UserId


class ConfigRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    account_id: AccountId
    version: int
    strategy: str
    params: dict[str, Any]
    created_at: datetime


COLUMNS = (
    StrategyConfig.id,
    StrategyConfig.account_id,
    StrategyConfig.version,
    StrategyConfig.strategy,
    StrategyConfig.params,
    StrategyConfig.created_at,
)


async def find_config(tx: AsyncConnection, account: AccountId, version: int | None = None) -> ConfigRecord | None:
    """One version, or the newest."""
    query = select(*COLUMNS).where(StrategyConfig.account_id == account)
    if version is not None:
        query = query.where(StrategyConfig.version == version)
    row = (await tx.execute(query.order_by(StrategyConfig.version.desc()).limit(1))).one_or_none()
    return None if row is None else ConfigRecord(**row._mapping)


async def list_configs(
    tx: AsyncConnection, account: AccountId, after: Position | None, limit: int
) -> list[ConfigRecord]:
    query = select(*COLUMNS).where(StrategyConfig.account_id == account)
    rows = await tx.execute(newest_first(query, (StrategyConfig.created_at, StrategyConfig.id), after, limit))
    return [ConfigRecord(**row._mapping) for row in rows]


async def add_config(
    tx: AsyncConnection,
    config: str,
    account: AccountId,
    user: UserId,
    *,
    after_version: int,
    strategy: str,
    params: dict[str, Any],
) -> ConfigRecord | None:
    """Add the version that follows. None when somebody else has just added it."""
    added = await tx.execute(
        upsert(StrategyConfig)
        .values(
            id=config,
            account_id=account,
            user_id=user,
            version=after_version + 1,
            strategy=strategy,
            params=params,
            created_at=func.clock_timestamp(),
        )
        .on_conflict_do_nothing(index_elements=[StrategyConfig.account_id, StrategyConfig.version])
        .returning(*COLUMNS)
    )
    row = added.one_or_none()
    return None if row is None else ConfigRecord(**row._mapping)
