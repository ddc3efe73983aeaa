"""Worth, curves and positions: exact, side by side where they must not be summed, and only one's own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from storage.tables import CandleRow, EquityRow, FillRow, Run
from tests.integration.api.site import Browser, Site
from tests.integration.api.test_history import fills, write

NOW = datetime.now(UTC).replace(microsecond=0)


async def begin_run(site: Site, user: str, account: str, opened_at: datetime) -> str:
    async with site.fleet.transaction() as tx:
        config = (
            await tx.exec_driver_sql(f"SELECT id FROM strategy_configs WHERE account_id = '{account}'")
        ).scalar_one()
    run = f"run_{account}"
    row = {"id": run, "account_id": account, "user_id": user, "config_id": config, "opened_at": opened_at}
    await write(site, Run, [row])
    return run


def point(user: str, account: str, at: datetime, equity: str, asset: str = "USDT", **profit: str) -> dict[str, Any]:
    realised, unrealised = Decimal(profit.get("realised", "0")), Decimal(profit.get("unrealised", "0"))
    return {
        "account_id": account,
        "user_id": user,
        "at": at,
        "quote_asset": asset,
        "equity": Decimal(equity),
        "realised": realised,
        "unrealised": unrealised,
    }


async def test_an_account_that_was_never_weighed_says_so_and_not_zero(ada: Browser) -> None:
    account = await ada.make_account()
    worth = (await ada.get(f"/api/v1/accounts/{account}/worth")).json()
    assert (worth["equity"], worth["quote_asset"], worth["run"], worth["today"]) == (None, None, None, None)
    assert (await ada.get("/api/v1/portfolio")).json()["totals"] == []


async def test_worth_is_the_newest_point_and_today_begins_at_midnight(site: Site, ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    await begin_run(site, ada.user_id, account, NOW - timedelta(days=3))
    yesterday = NOW - timedelta(days=1, hours=1)
    await write(
        site,
        EquityRow,
        [
            point(ada.user_id, account, yesterday, "1000", realised="5", unrealised="1"),
            point(ada.user_id, account, NOW, "1007.5", realised="8", unrealised="0.50000001"),
        ],
    )
    worth = (await ada.get(f"/api/v1/accounts/{account}/worth")).json()
    assert (worth["equity"], worth["quote_asset"]) == ("1007.5", "USDT")
    assert worth["run"] == {"realised": "8", "unrealised": "0.50000001", "total": "8.50000001"}
    assert worth["today"] == {"realised": "3", "unrealised": "-0.49999999", "total": "2.50000001"}


async def test_different_assets_and_paper_and_real_money_are_never_summed(site: Site, ada: Browser) -> None:
    names = ["A", "B", "C", "D"]
    accounts = [await ada.make_account(name, ready=True) for name in names]
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql(f"UPDATE accounts SET mode = 'live' WHERE id = '{accounts[3]}'")
    for account, asset in zip(accounts, ["USDT", "USDT", "BTC", "USDT"], strict=True):
        await write(site, EquityRow, [point(ada.user_id, account, NOW, "100.1", asset)])
    portfolio = (await ada.get("/api/v1/portfolio")).json()
    assert [
        (total["real"], total["quote_asset"], total["accounts"], total["equity"]) for total in portfolio["totals"]
    ] == [
        (True, "USDT", 1, "100.1"),
        (False, "USDT", 2, "200.2"),
        (False, "BTC", 1, "100.1"),
    ]
    assert len(portfolio["accounts"]) == 4


async def test_a_curve_has_the_last_point_of_each_step(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    hour = NOW.replace(minute=0, second=0) - timedelta(hours=2)
    times = [hour, hour + timedelta(minutes=20), hour + timedelta(hours=1, minutes=5)]
    rows = [point(ada.user_id, account, at, str(100 + number)) for number, at in enumerate(times)]
    await write(site, EquityRow, rows)
    curve = (await ada.get(f"/api/v1/accounts/{account}/equity?step=1h")).json()
    assert [entry["equity"] for entry in curve["points"]] == ["101", "102"]
    assert curve["points"][0]["at"] == f"{hour:%Y-%m-%dT%H:%M:%SZ}"


@pytest.mark.parametrize("query", ["step=1m&since=2020-01-01T00:00:00Z", "step=2h", "since=yesterday"])
async def test_a_curve_that_is_too_long_or_unreadable_is_refused(ada: Browser, query: str) -> None:
    account = await ada.make_account()
    answer = await ada.get(f"/api/v1/accounts/{account}/equity?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["pointer"] in {"?step", "?since"}


async def test_positions_are_what_the_run_bought_and_did_not_sell(site: Site, ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    path = f"/api/v1/accounts/{account}/positions"
    assert (await ada.get(path)).json() == {"run_id": None, "since": None, "items": []}
    run = await begin_run(site, ada.user_id, account, NOW - timedelta(hours=1))
    bought = [
        fill
        | {"run_id": run, "seq": number + 1, "price": Decimal(60000), "quantity": Decimal("0.5"), "fee": Decimal(0)}
        for number, fill in enumerate(fills(ada.user_id, account, 2))
    ]
    await write(site, FillRow, bought)
    candle = {"venue": "paper", "symbol": "BTC/USDT", "timeframe": "1m", "opened_at": NOW - timedelta(minutes=1)}
    prices = dict.fromkeys(("open", "high", "low", "close"), Decimal(61000)) | {"volume": Decimal(1)}
    await write(site, CandleRow, [candle | prices])
    found = (await ada.get(path)).json()
    assert found["run_id"] == run
    [held] = found["items"]
    assert (held["symbol"], held["quantity"], held["cost"], held["average_cost"]) == ("BTC/USDT", "1", "60000", "60000")
    assert (held["price"], held["unrealised"]) == ("61000", "1000")


async def test_worth_written_under_another_user_is_not_shown(site: Site, ada: Browser, bob: Browser) -> None:
    account = await ada.make_account()
    await write(site, EquityRow, [point(bob.user_id, account, NOW, "100")])
    assert (await ada.get(f"/api/v1/accounts/{account}/worth")).json()["equity"] is None
    assert (await ada.get(f"/api/v1/accounts/{account}/equity")).json()["points"] == []
