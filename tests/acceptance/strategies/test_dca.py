"""Both modes of DCA trade as their page says, over ccxt and the paper exchange."""

from decimal import Decimal

import pytest

from tests.acceptance.strategies.trading_day import BTC, trading_day

pytestmark = pytest.mark.slow

TIME = {
    "mode": "time",
    "symbol": "BTC/USDT",
    "amount": "100",
    "interval_s": 60,
    "only_below": "101",
    "budget": "350",
}
PRICE = {
    "mode": "price",
    "symbol": "BTC/USDT",
    "base_order": "100",
    "safety_order": "100",
    "safety_orders": 3,
    "safety_orders_open": 2,
    "step_pct": "1",
    "step_scale": "2",
    "volume_scale": "2",
    "take_profit": [{"above_pct": "1", "share_pct": "100"}],
    "cool_down_s": 600,
}


async def test_time_buys_at_every_interval_below_its_price_and_within_its_budget(database_url: str) -> None:
    async with trading_day(database_url, "dca", TIME) as day:
        first = "B buys 0.9999 at 100.01"
        assert await day.truth.traded() == [first]

        await day.move("99.00")
        await day.wait(59)
        assert await day.truth.traded() == [first]
        await day.wait(1)
        assert await day.truth.traded() == [first, "B buys 1.00999 at 99.01"]

        await day.move("101.00")
        await day.wait(60)
        await day.die()
        assert len(await day.truth.traded()) == 2
        assert "is not below 101" in day.records[-1].reason

        await day.move("98.00")
        await day.wait(60)
        assert (await day.truth.traded())[2:] == ["B buys 1.0203 at 98.01"]
        await day.wait(60)
        assert len(await day.truth.traded()) == 3
        assert "of 350 are spent" in day.records[-1].reason


async def test_price_averages_down_and_sells_all_above_the_average(database_url: str) -> None:
    async with trading_day(database_url, "dca", PRICE, prices={BTC: "99.99"}) as day:
        assert await day.truth.traded() == ["B:0 buys 1 at 100"]
        assert await day.truth.standing() == [
            "B:1 buys 1.0101 at 99",
            "B:2 buys 2.06185 at 97",
            "S:TP1 sells 0.999 at 101.11",
        ]

        await day.move("98.90")
        assert await day.truth.standing() == [
            "B:2 buys 2.06185 at 97",
            "B:3 buys 4.30107 at 93",
            "S:TP1 sells 2.00808 at 100.6",
        ]

        await day.move("96.90")
        await day.die()
        assert await day.truth.standing() == ["B:3 buys 4.30107 at 93", "S:TP1 sells 4.06787 at 99.32"]

        await day.move("99.40")
        assert (await day.truth.traded())[-1] == "S:TP1 sells 4.06787 at 99.32"
        assert await day.truth.standing() == []
        assert day.truth.totals() == {"USDT": Decimal("1003.61747756"), "BTC": Decimal("0.00000805")}

        await day.wait(599)
        assert len(await day.truth.traded()) == 4
        await day.wait(1)
        assert (await day.truth.traded())[-1] == "B:0 buys 1.00593 at 99.41"
