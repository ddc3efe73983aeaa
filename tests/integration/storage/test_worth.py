"""What accounts are worth, what today brought, and what runs hold: by account, by run, and never another tenant's."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import insert, update

from storage.accounts import AccountRecord, Reach, find_account
from storage.candles import last_prices
from storage.database import Database
from storage.holdings import read_holdings, read_watches
from storage.overview import fleet_overview
from storage.tables import Account, AccountRuntime, CandleRow, EquityRow, FillRow, Run
from storage.worth import equity_curve, latest_worth, results_today
from tests.integration.storage.conftest import BTC, NOON, Tenant
from trading.events import Checkpoint
from trading.guard import Watch
from trading.ids import VenueName
from trading.state import Memory

MINUTE = timedelta(minutes=1)


async def record(fleet: Database, tenant: Tenant) -> AccountRecord:
    async with fleet.transaction() as tx:
        found = await find_account(tx, tenant.account, Reach(user=tenant.user))
    assert found is not None
    return found


def weighed(tenant: Tenant, at: datetime, equity: int, realised: int = 0, unrealised: int = 0) -> dict[str, Any]:
    return {
        "account_id": tenant.account, "user_id": tenant.user, "at": at, "quote_asset": "USDT", "equity": equity,
        "realised": realised, "unrealised": unrealised,
    }  # fmt: skip


def fill(tenant: Tenant, number: int, side: str, price: int) -> dict[str, Any]:
    return {
        "account_id": tenant.account, "user_id": tenant.user, "symbol": BTC, "trade_id": str(number),
        "at": NOON + number * MINUTE, "run_id": tenant.run, "client_order_id": None, "venue_order_id": "v",
        "side": side, "price": price, "quantity": 1, "fee": 0, "fee_asset": "USDT", "maker": True, "seq": number,
    }  # fmt: skip


async def test_the_newest_point_of_each_account_counts_and_of_no_other_tenant(
    fleet: Database, ada: Tenant, ben: Tenant
) -> None:
    async with fleet.transaction() as tx:
        rows = [weighed(ada, NOON, 10), weighed(ada, NOON + MINUTE, 12), weighed(ben, NOON, 99)]
        await tx.execute(insert(EquityRow), rows)
    mine = await record(fleet, ada)
    async with fleet.transaction() as tx:
        found = await latest_worth(tx, [mine])
        assert {account: point.equity for account, point in found.items()} == {ada.account: 12}
        stolen = msgspec.structs.replace(mine, id=ben.account)
        assert await latest_worth(tx, [stolen]) == {}
        assert await equity_curve(tx, [stolen], NOON, MINUTE) == []
        assert await latest_worth(tx, []) == {}


async def test_a_curve_has_the_last_point_of_every_step(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        points = [(0, 10), (4, 11), (5, 12), (9, 13), (16, 14)]
        await tx.execute(insert(EquityRow), [weighed(ada, NOON + minute * MINUTE, equity) for minute, equity in points])
    mine = await record(fleet, ada)
    async with fleet.transaction() as tx:
        curve = await equity_curve(tx, [mine], NOON, 5 * MINUTE)
    assert [(point.at - NOON, point.equity) for point in curve] == [
        (timedelta(0), 11),
        (5 * MINUTE, 13),
        (15 * MINUTE, 14),
    ]


async def test_a_day_is_the_sum_over_its_runs_less_what_was_made_before_midnight(fleet: Database, ada: Tenant) -> None:
    midnight = NOON.replace(hour=0)
    async with fleet.transaction() as tx:
        await tx.execute(
            update(Run)
            .where(Run.id == ada.run)
            .values(opened_at=midnight - 60 * MINUTE, closed_at=NOON, state="closed")
        )
        second = {"id": "run_2", "account_id": ada.account, "user_id": ada.user, "config_id": ada.config}
        await tx.execute(insert(Run), second | {"opened_at": NOON})
        points = [
            weighed(ada, midnight - MINUTE, 100, realised=5, unrealised=1),
            weighed(ada, NOON - MINUTE, 110, realised=8, unrealised=0),
            weighed(ada, NOON + MINUTE, 107, realised=-2, unrealised=-1),
        ]
        await tx.execute(insert(EquityRow), points)
    mine = await record(fleet, ada)
    async with fleet.transaction() as tx:
        day = (await results_today(tx, [mine], NOON + 2 * MINUTE))[ada.account]
    assert (day.realised, day.unrealised, day.total) == (8 - 5 - 2, 0 - 1 - 1, -1)


async def test_midnight_is_that_of_the_accounts_own_zone(fleet: Database, ada: Tenant) -> None:
    evening = NOON.replace(hour=20)
    async with fleet.transaction() as tx:
        await tx.execute(update(Account).where(Account.id == ada.account).values(time_zone="Asia/Tokyo"))
        await tx.execute(update(Run).where(Run.id == ada.run).values(opened_at=NOON - 60 * MINUTE))
        # Nine hours ahead: the day there begins at 15:00 UTC.
        points = [weighed(ada, NOON, 100, realised=7), weighed(ada, evening, 101, realised=10)]
        await tx.execute(insert(EquityRow), points)
    mine = await record(fleet, ada)
    async with fleet.transaction() as tx:
        assert (await results_today(tx, [mine], evening + MINUTE))[ada.account].realised == 3


async def test_what_a_run_holds_is_its_saved_books_and_the_fills_after_them(fleet: Database, ada: Tenant) -> None:
    mine = await record(fleet, ada)
    async with fleet.transaction() as tx:
        await tx.execute(insert(FillRow), [fill(ada, 1, "buy", 100), fill(ada, 2, "buy", 200)])
        before = await read_holdings(tx, mine)
    assert before is not None
    assert before.books.position(BTC).quantity == 2
    saved = Checkpoint(
        version=1,
        seq=2,
        books=msgspec.to_builtins(Memory(books=before.books, watch=Watch(capital=Decimal(1000)))),
        strategy={},
    )
    async with fleet.transaction() as tx:
        await tx.execute(update(Run).where(Run.id == ada.run).values(checkpoint=msgspec.to_builtins(saved)))
        await tx.execute(insert(FillRow), [fill(ada, 3, "sell", 150)])
        after = await read_holdings(tx, mine)
        watches = await read_watches(tx, [mine])
    assert after is not None
    assert (after.books.position(BTC).quantity, after.books.position(BTC).realised) == (1, 50)
    assert watches[ada.account].capital == 1000


async def test_a_price_is_the_newest_close_and_an_old_one_is_none(fleet: Database, ada: Tenant) -> None:
    candle = {"venue": "paper", "symbol": BTC, "timeframe": "1m", "open": 1, "high": 9, "low": 1, "volume": 1}
    async with fleet.transaction() as tx:
        rows = [candle | {"opened_at": NOON, "close": 5}, candle | {"opened_at": NOON + MINUTE, "close": 6}]
        await tx.execute(insert(CandleRow), rows)
        assert await last_prices(tx, VenueName("paper"), [BTC], since=NOON) == {BTC: 6}
        assert await last_prices(tx, VenueName("paper"), [BTC], since=NOON + 2 * MINUTE) == {}


async def test_the_fleet_at_a_glance_counts_states_and_names_the_oldest_heartbeat_of_a_host(
    fleet: Database, ada: Tenant, ben: Tenant
) -> None:
    now = datetime.now(UTC)
    async with fleet.transaction() as tx:
        for tenant, age in ((ada, 1), (ben, 9)):
            row = {"account_id": tenant.account, "user_id": tenant.user, "state": "running", "host": "host-1"}
            await tx.execute(insert(AccountRuntime).values(**row, heartbeat_at=now - age * MINUTE))
        seen = await fleet_overview(tx, now)
    assert (seen.by_wish, seen.by_state) == ({"running": 2}, {"running": 2})
    assert [(host.host, host.accounts, host.heartbeat_at) for host in seen.hosts] == [("host-1", 2, now - 9 * MINUTE)]
