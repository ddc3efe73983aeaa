"""The batches that the ledger writes, and what the summaries make of them; on TimescaleDB and without it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from sqlalchemy import func, select, text

from storage.database import Database, Role
from storage.decisions import write_decisions
from storage.equity import write_equity
from storage.orders import record
from storage.tables import DecisionRow, EquityRow
from tests.integration.storage.conftest import NOON, a_fill, settle_in
from trading.events import Record
from trading.ids import AccountId, Asset, RunId, UserId

ADA, HERS = UserId("usr_ada"), AccountId("acc_ada")


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    equity: Decimal
    account: AccountId = HERS
    user: UserId = ADA
    quote_asset: Asset = Asset("USDT")
    realised: Decimal = Decimal(0)
    unrealised: Decimal = Decimal(0)


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    record: Record
    account: AccountId = HERS
    user: UserId = ADA
    run: RunId = RunId("run_1")


@pytest.fixture(params=["database_url", "plain_database_url"])
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    database = Database(request.getfixturevalue(request.param), Role.FLEET)
    yield database
    await database.close()


async def test_equity_written_twice_is_there_once(ledger: Database) -> None:
    worth = [Worth(at=NOON + timedelta(seconds=n), equity=Decimal("1000.01")) for n in range(3)]
    async with ledger.transaction() as tx:
        await write_equity(tx, [])
        await write_equity(tx, worth[:2])
        await write_equity(tx, worth)
        assert (await tx.scalars(select(EquityRow.equity))).all() == [Decimal("1000.01")] * 3


async def test_decisions_written_twice_are_there_once_with_their_numbers(ledger: Database) -> None:
    refused = Record(kind="refused", symbol=None, reason="too small", detail={"notional": Decimal("4.90")}, at=NOON)
    lines = [Decided(id=name, record=refused) for name in ("a", "b")]
    async with ledger.transaction() as tx:
        await write_decisions(tx, [])
        for _ in range(2):
            await write_decisions(tx, lines)
        assert await tx.scalar(select(func.count()).select_from(DecisionRow)) == 2
        assert await tx.scalar(select(DecisionRow.detail).limit(1)) == {"notional": "4.90"}


async def test_fills_are_summed_by_day_and_by_what_the_fee_was_paid_in(ledger: Database) -> None:
    first, second = a_fill("1", "0.1"), a_fill("2", "0.2")
    in_usdt = msgspec.structs.replace(a_fill("3", "0.3"), fee=Decimal("0.5"), fee_asset=Asset("USDT"))
    tomorrow = msgspec.structs.replace(a_fill("4", "0.4"), at=NOON + timedelta(days=1))
    async with ledger.transaction() as tx:
        await settle_in(tx, "ada")
        await record(tx, HERS, ADA, [first, second, in_usdt, tomorrow])
        days = await tx.execute(
            text("SELECT day, fee_asset, fills, bought, sold, fee, bought_quote FROM fills_daily ORDER BY day, 2")
        )
    today = NOON.replace(hour=0)
    price = first.price
    assert [tuple(day) for day in days] == [
        (today, "BTC", 2, Decimal("0.3"), 0, Decimal("0.00002"), Decimal("0.3") * price),
        (today, "USDT", 1, Decimal("0.3"), 0, Decimal("0.5"), Decimal("0.3") * price),
        (today + timedelta(days=1), "BTC", 1, Decimal("0.4"), 0, Decimal("0.00001"), Decimal("0.4") * price),
    ]


async def test_equity_by_the_hour_is_the_last_the_least_and_the_most(ledger: Database) -> None:
    minutes = {5: "1000", 50: "990", 30: "1020", 70: "995"}
    async with ledger.transaction() as tx:
        await write_equity(tx, [Worth(at=NOON + timedelta(minutes=m), equity=Decimal(e)) for m, e in minutes.items()])
        hours = await tx.execute(text("SELECT hour, equity, equity_min, equity_max FROM equity_hourly ORDER BY hour"))
    assert [tuple(hour) for hour in hours] == [
        (NOON, 990, 990, 1020),
        (NOON + timedelta(hours=1), 995, 995, 995),
    ]
