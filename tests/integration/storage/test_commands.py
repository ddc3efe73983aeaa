from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from storage.commands import COMMANDS, commands_for, give_command
from storage.database import Database, Role
from storage.notifications import listen
from storage.tables import Account, User
from trading.events import Command
from trading.ids import AccountId, Symbol, UserId

ADA, BEN = AccountId("acc_ada"), AccountId("acc_ben")
USER = UserId("usr_ada")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Role.FLEET)
    async with database.transaction() as tx:
        await tx.execute(insert(User).values(id=USER, email="ada@example.com", password_hash="", role="user"))
        for account in (ADA, BEN):
            row = {"id": account, "user_id": USER, "name": account, "venue": "paper", "mode": "paper"}
            await tx.execute(insert(Account).values(row))
    yield database
    await database.close()


def command(name: str, age_s: int = 0, lives_s: int = 60) -> Command:
    at = datetime.now(UTC) - timedelta(seconds=age_s)
    return Command(
        id=f"cmd_{name}",
        name=name,
        symbol=Symbol("BTC/USDT"),
        detail={"deal": 3},
        at=at,
        expires_at=at + timedelta(seconds=lives_s),
    )


async def test_commands_come_back_as_they_were_given_oldest_first_until_they_expire(database: Database) -> None:
    older, newer, expired = command("panic_sell", age_s=10), command("resume"), command("long", age_s=61)
    async with database.transaction() as tx:
        for each in (newer, older, expired):
            await give_command(tx, ADA, USER, each)
        assert await commands_for(tx, ADA) == [older, newer]
        assert await commands_for(tx, BEN) == []


async def test_a_command_given_twice_is_given_once(database: Database) -> None:
    async with database.transaction() as tx:
        assert await give_command(tx, ADA, USER, command("panic_sell"))
        assert not await give_command(tx, ADA, USER, command("panic_sell"))
        assert len(await commands_for(tx, ADA)) == 1


async def test_who_listens_hears_of_a_command_once_it_is_committed(database: Database, database_url: str) -> None:
    heard = listen(database_url, COMMANDS)
    assert await anext(heard) == ""
    async with database.transaction() as tx:
        await give_command(tx, ADA, USER, command("panic_sell"))
    assert await anext(heard) == ADA
