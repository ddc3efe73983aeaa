"""Naive trades as its page says, over ccxt and the paper exchange. Leaving the day checks the ledger."""

from decimal import Decimal

import pytest

from tests.acceptance.strategies.trading_day import trading_day

pytestmark = pytest.mark.slow

PARAMS = {
    "symbol": "BTC/USDT",
    "dip_pct": "1",
    "target_pct": "2",
    "stop_pct": "3",
    "budget_per_round": "100",
    "budget": "200",
    "rounds": 2,
    "rebuy_pct": "1",
}


async def test_buys_each_dip_and_sells_each_target(database_url: str) -> None:
    async with trading_day(database_url, "naive", PARAMS) as day:
        await day.move("99.50", "98.99")
        assert await day.truth.traded() == ["B:1 buys 1.0101 at 99"]
        assert await day.truth.standing() == ["S:1 sells 1.00908 at 100.98"]

        await day.move("97.99")
        await day.die()
        assert await day.truth.traded() == ["B:1 buys 1.0101 at 99", "B:2 buys 1.0204 at 98"]
        assert await day.truth.standing() == ["S:1 sells 1.00908 at 100.98", "S:2 sells 1.01937 at 99.96"]

        await day.move("99.96", "100.98")
        assert (await day.truth.traded())[2:] == ["S:2 sells 1.01937 at 99.96", "S:1 sells 1.00908 at 100.98"]
        assert await day.truth.standing() == []
        # Bought for 99.9999 and 99.9992, sold for 101.79500151 and 101.79432898; what is left is dust.
        assert day.truth.totals() == {"USDT": Decimal("1003.59023049"), "BTC": Decimal("0.0000195")}


async def test_stops_a_fall_and_waits_for_the_next_dip(database_url: str) -> None:
    async with trading_day(database_url, "naive", {**PARAMS, "rounds": 1}) as day:
        await day.move("98.99", "97.00")
        assert await day.truth.standing() == ["S:1 sells 1.00908 at 100.98"]

        await day.move("96.03")
        assert await day.truth.traded() == ["B:1 buys 1.0101 at 99", "S:1 sells 1.00908 at 96.03"]
        assert await day.truth.standing() == []

        await day.move("95.50", "95.02")
        assert (await day.truth.traded())[2:] == ["B:1 buys 1.05229 at 95.03"]
