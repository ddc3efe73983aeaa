"""Every actor, and the venue itself, killed with -9 while customers trade: trading goes on, and no fill is lost."""

import time
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from storage.database import Database
from tests.demo_process import DemoProcess, recorded_fills, until, venue_trades

ACCOUNTS = 6
GOES_ON_WITHIN_S = 15
VICTIMS = (
    "ray::Supervisor",
    "ray::VenueGateway",
    "ray::MarketData",
    "ray::Ledger",
    "ray::TraderHost",
    "tradefleet paper",
)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", ["forked", "plain"])
async def test_whichever_part_is_killed_trading_goes_on_and_the_books_equal_the_venues(
    demo: DemoProcess, workers: str
) -> None:
    demo.set(TRADEFLEET_FORKED_WORKERS=str(workers == "forked"))
    demo.start("--accounts", str(ACCOUNTS))
    await demo.until_ready()
    assert f"{workers} workers" in demo.said
    async with demo.database() as database:
        await until(lambda: _trades_on_since(database, datetime(2000, 1, 1, tzinfo=UTC)), 60)
        for victim in VICTIMS:
            demo.descendants()
            killed_at = datetime.now(UTC)
            began = time.monotonic()
            demo.kill(victim)
            await until(
                lambda at=killed_at: _trades_on_since(database, at),
                GOES_ON_WITHIN_S,
                lambda name=victim: f"{name} was killed. {demo.said}",
            )
            assert time.monotonic() - began < GOES_ON_WITHIN_S, victim
            await _books_equal_the_venues(demo, database, victim)
    demo.interrupt()
    assert await demo.until_ended() == 0
    assert demo.result["running"] == ACCOUNTS
    assert demo.result["fills"] == demo.result["fills_in_hypertable"]
    assert demo.leftovers() == []


async def _trades_on_since(database: Database, moment: datetime) -> bool:
    """Whether every account was seen running after that moment, and an order decided after it has been filled."""
    async with database.transaction() as tx:
        running = await tx.scalar(
            text("SELECT count(*) FROM account_runtime WHERE state = 'running' AND heartbeat_at > :moment"),
            {"moment": moment},
        )
        filled = await tx.scalar(
            text(
                "SELECT EXISTS (SELECT FROM fills JOIN order_intents USING (account_id, client_order_id)"
                " WHERE intended_at > :moment)"
            ),
            {"moment": moment},
        )
    return running == ACCOUNTS and bool(filled)


async def _books_equal_the_venues(demo: DemoProcess, database: Database, victim: str) -> None:
    """The market goes on meanwhile, so a moment is waited for at which nothing is on its way."""

    async def equal() -> bool:
        venue = await venue_trades(demo.paper)
        ours = await recorded_fills(database)
        assert len(ours) == len(set(ours)), f"a fill is there twice, after {victim} was killed"
        return set(ours) == venue

    await until(equal, 20, lambda: f"fills and the venue's trades differ after {victim} was killed")
