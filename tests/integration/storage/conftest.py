"""A fleet's database with two tenants in it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import leases
from storage.database import Database, Role
from storage.fleet import open_run
from storage.tables import Account, StrategyConfig, User
from trading.ids import AccountId, Epoch, RunId, UserId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Tenant(msgspec.Struct, frozen=True, kw_only=True):
    user: UserId
    account: AccountId
    config: str
    run: RunId
    epoch: Epoch


@pytest.fixture
async def fleet(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Role.FLEET)
    yield database
    await database.close()


@pytest.fixture
async def ada(fleet: Database) -> Tenant:
    async with fleet.transaction() as tx:
        return await settle_in(tx, "ada")


@pytest.fixture
async def ben(fleet: Database) -> Tenant:
    async with fleet.transaction() as tx:
        return await settle_in(tx, "ben")


async def settle_in(tx: AsyncConnection, name: str) -> Tenant:
    """A user with one account that runs, under a lease of its own."""
    user, account, config = UserId(f"usr_{name}"), AccountId(f"acc_{name}"), f"cfg_{name}"
    await tx.execute(insert(User).values(id=user, email=f"{name}@example.org", password_hash="-", role="user"))
    await tx.execute(
        insert(Account).values(
            id=account, user_id=user, name="main", venue="paper", mode="paper", desired_state="running"
        )
    )
    await tx.execute(
        insert(StrategyConfig).values(
            id=config, account_id=account, user_id=user, version=1, strategy="naive", params={"dip": "1.5"}
        )
    )
    run = await open_run(tx, account, user, config)
    epoch = await leases.grant(tx, account, "host-1", 60, grace_s=5, after_death=False)
    assert epoch is not None
    return Tenant(user=user, account=account, config=config, run=run, epoch=epoch)
