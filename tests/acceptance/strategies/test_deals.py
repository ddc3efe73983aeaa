"""Deals are made as their page says, over ccxt and the paper exchange."""

from decimal import Decimal

import pytest

from tests.acceptance.strategies.trading_day import trading_day

pytestmark = pytest.mark.slow

PARAMS = {
    "symbol": "BTC/USDT",
    "deal_quota": "50",
    "profit_markup": "1",
    "deal_count": 2,
    "order_life_time": 60,
    "spacing_pct": "2",
}


async def test_a_deal_is_bought_sold_and_earns_its_markup(database_url: str) -> None:
    async with trading_day(database_url, "deals", PARAMS) as day:
        assert await day.truth.standing() == ["B:1 buys 0.5 at 100"]

        await day.move("99.90")
        await day.die()
        assert await day.truth.standing() == ["S:1 sells 0.4995 at 101.21"]

        await day.move("101.21")
        assert await day.truth.traded() == ["B:1 buys 0.5 at 100", "S:1 sells 0.4995 at 101.21"]
        assert day.truth.totals() == {"USDT": Decimal("1000.50384061")}
        (closed,) = [record for record in day.records if record.kind == "deal_closed"]
        assert Decimal(closed.detail["profit"]) == Decimal("0.50384061")


async def test_what_is_not_bought_in_time_is_withdrawn(database_url: str) -> None:
    async with trading_day(database_url, "deals", {**PARAMS, "deal_count": 1}) as day:
        await day.move("101.00")
        assert await day.truth.standing() == ["B:1 buys 0.5 at 100"]
        await day.wait(60)
        assert await day.truth.standing() == ["B:1 buys 0.49504 at 101"]
        assert await day.truth.traded() == []


async def test_a_mass_close_sells_at_the_market_and_pays_its_fees_in_bnb(database_url: str) -> None:
    balances = {"USDT": "1000", "BNB": "1"}
    async with trading_day(database_url, "deals", PARAMS, balances=balances, discount=True) as day:
        await day.move("99.90", "97.50")
        assert await day.truth.standing() == ["B:2 buys 0.51282 at 97.5", "S:1 sells 0.5 at 101.21"]
        await day.tell("mass_close")
        assert await day.truth.traded() == ["B:1 buys 0.5 at 100", "S:1 sells 0.5 at 97.5"]
        assert await day.truth.standing() == []
        # 0.075 % of 50 and of 48.75 dollars, at 500 dollars a BNB, each cut to eight digits.
        assert day.truth.totals() == {"USDT": Decimal("998.75"), "BNB": Decimal("0.99985188")}
