"""Runs: kept over new params, closed before another strategy, closed as asked."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.database import Database, Role
from storage.fleet import close_run, desired, open_runs
from storage.ids import new_id
from storage.tables import Account, Credential, Run, StrategyConfig, User
from trading.events import CloseMode
from trading.ids import AccountId, RunId, UserId

ADA, USER = AccountId("acc_ada"), UserId("usr_ada")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Role.FLEET)
    async with database.transaction() as tx:
        await tx.execute(insert(User).values(id=USER, email="ada@example.com", password_hash="", role="user"))
        await tx.execute(
            insert(Account).values(
                id=ADA, user_id=USER, name="ada", venue="paper", mode="paper", desired_state="running"
            )
        )
        await tx.execute(
            insert(Credential).values(
                account_id=ADA, user_id=USER, key_last4="last", sealed=b"", wrapped_key=b"", master_key_id="k1"
            )
        )
    yield database
    await database.close()


async def open_run(tx: AsyncConnection, config: str) -> RunId:
    return (await open_runs(tx, [(ADA, USER, config)]))[ADA]


async def configure(tx: Any, version: int, strategy: str) -> str:
    config = new_id("cfg")
    await tx.execute(
        insert(StrategyConfig).values(
            id=config, account_id=ADA, user_id=USER, version=version, strategy=strategy, params={"version": version}
        )
    )
    return config


async def test_new_params_go_on_with_the_run_that_there_is(database: Database) -> None:
    async with database.transaction() as tx:
        first = await open_run(tx, await configure(tx, 1, "naive"))
        newer = await configure(tx, 2, "naive")
        [row] = await desired(tx)
        assert (row.config_id, row.closing) == (newer, None)
        assert await open_run(tx, newer) == first


async def test_a_run_of_another_strategy_is_closed_before_the_new_one_begins(database: Database) -> None:
    async with database.transaction() as tx:
        old = await configure(tx, 1, "naive")
        first = await open_run(tx, old)
        new = await configure(tx, 2, "grid")
        [row] = await desired(tx)
        assert (row.strategy, row.config_id, row.closing) == ("naive", old, CloseMode.CANCEL)
        await close_run(tx, ADA)
        [row] = await desired(tx)
        assert (row.strategy, row.config_id, row.closing) == ("grid", new, None)
        assert await open_run(tx, new) != first


async def test_a_stopped_account_is_wanted_until_its_run_is_closed_as_asked(database: Database) -> None:
    async with database.transaction() as tx:
        config = await configure(tx, 1, "naive")
        await open_run(tx, config)
        await tx.execute(update(Account).values(desired_state="stopped", closing="market"))
        [row] = await desired(tx)
        assert (row.config_id, row.closing) == (config, CloseMode.MARKET)
        await close_run(tx, ADA)
        assert await desired(tx) == []
        assert await tx.scalar(select(Run.state)) == "closed"
        assert await tx.scalar(select(Account.closing)) is None


async def test_a_stopped_account_without_a_run_has_nothing_to_close(database: Database) -> None:
    async with database.transaction() as tx:
        await configure(tx, 1, "naive")
        await tx.execute(update(Account).values(desired_state="stopped", closing="cancel"))
        assert await desired(tx) == []
