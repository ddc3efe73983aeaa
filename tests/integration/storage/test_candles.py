from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from storage.candles import read_candles, write_candles
from storage.database import Database, Role
from trading.ids import Symbol, VenueName
from trading.market import Candle

PAPER, BTC = VenueName("paper"), Symbol("BTC/USDT")
START = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, Role.FLEET)
    yield database
    await database.close()


def candle(minute: int, close: str = "61204.10") -> Candle:
    price = Decimal(close)
    return Candle(
        symbol=BTC,
        timeframe="1m",
        opened_at=START + timedelta(minutes=minute),
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal("0.00000001"),
    )


async def test_the_newest_candles_come_back_exactly_and_oldest_first(database: Database) -> None:
    async with database.transaction() as tx:
        await write_candles(tx, [(PAPER, candle(minute)) for minute in range(5)])
        found = await read_candles(tx, PAPER, BTC, "1m", since=START + timedelta(minutes=1), limit=3)
    assert found == [candle(2), candle(3), candle(4)]


async def test_a_candle_that_is_there_stays_as_it_is(database: Database) -> None:
    async with database.transaction() as tx:
        await write_candles(tx, [(PAPER, candle(0))])
        await write_candles(tx, [(PAPER, candle(0, close="1")), (PAPER, candle(1))])
        found = await read_candles(tx, PAPER, BTC, "1m", since=START, limit=10)
    assert found == [candle(0), candle(1)]


async def test_more_candles_than_a_statement_takes_are_written_all_the_same(database: Database) -> None:
    async with database.transaction() as tx:
        await write_candles(tx, [(PAPER, candle(minute)) for minute in range(9_000)])
        found = await read_candles(tx, PAPER, BTC, "1m", since=START, limit=10_000)
    assert len(found) == 9_000
