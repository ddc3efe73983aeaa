import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import psycopg
import pytest

from storage.database import Database, parse_url
from storage.notifications import listen, notify

AGAIN = ""
"""Each new connection begins with it: look, something may have been said before."""


async def hear(words: AsyncIterator[str], count: int = 1) -> list[str]:
    async with asyncio.timeout(10):
        return [await anext(words) for _ in range(count)]


async def say(database: Database, *words: str, channel: str = "news") -> None:
    async with database.transaction() as tx:
        for word in words:
            await notify(tx, channel, word)


async def test_what_is_committed_is_heard_in_order(fleet: Database, database_url: str) -> None:
    async with aclosing(listen(database_url, "news")) as words:
        assert await hear(words) == [AGAIN]
        await say(fleet, "one", "two", "two")
        await say(fleet, "elsewhere", channel="olds")
        await say(fleet, "three")
        assert await hear(words, 3) == ["one", "two", "three"]


async def test_what_is_rolled_back_was_never_said(fleet: Database, database_url: str) -> None:
    async def change_our_mind() -> None:
        async with fleet.transaction() as tx:
            await notify(tx, "news", "forget it")
            raise KeyError

    async with aclosing(listen(database_url, "news")) as words:
        await hear(words)
        with pytest.raises(KeyError):
            await change_our_mind()
        await say(fleet, "this")
        assert await hear(words) == ["this"]


async def test_a_broken_connection_is_made_again_and_says_so(fleet: Database, database_url: str) -> None:
    address = parse_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    async with aclosing(listen(database_url, "news")) as words:
        await hear(words)
        with psycopg.connect(address) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'tradefleet listen' AND datname = current_database()"
            )
        assert await hear(words) == [AGAIN]
        await say(fleet, "back again")
        assert await hear(words) == ["back again"]


async def test_a_silent_connection_is_asked_whether_it_lives(fleet: Database, database_url: str) -> None:
    async with aclosing(listen(database_url, "news", silence_s_max=0.01)) as words:
        await hear(words)
        waiting = asyncio.create_task(hear(words))
        await asyncio.sleep(0.05)
        await say(fleet, "still here")
        assert await waiting == ["still here"]
