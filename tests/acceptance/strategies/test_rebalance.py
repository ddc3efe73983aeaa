"""Rebalance trades as its page says, over ccxt and the paper exchange."""

from decimal import Decimal

import pytest

from tests.acceptance.strategies.trading_day import BTC, ETH, trading_day

pytestmark = pytest.mark.slow

PARAMS = {
    "quote": "USDT",
    "targets": {"BTC": "50", "ETH": "30"},
    "order_size_pct": "5",
    "order_step_pct": "1",
    "min_delta_quote": "30",
    "interval_s": 30,
}
BALANCES = {"USDT": "500", "BTC": "4", "ETH": "10"}


async def test_trades_back_to_its_shares_in_small_steps(database_url: str) -> None:
    # Mids of 99.995 and 9.995: a net asset value of 999.93, so orders of 49.9965 a per cent below.
    prices = {BTC: "99.99", ETH: "9.99"}
    async with trading_day(database_url, "rebalance", PARAMS, balances=BALANCES, prices=prices) as day:
        first = ["R:BTC/USDT buys 0.50506 at 98.99", "R:ETH/USDT buys 5.0552 at 9.89"]
        assert await day.truth.standing() == first

        await day.move({BTC: "98.90", ETH: "9.85"})
        assert await day.truth.traded() == first
        await day.die()
        assert await day.truth.standing() == []

        await day.wait(30)
        ether = "R:ETH/USDT buys 5.0966 at 9.75"
        assert await day.truth.standing() == ["R:BTC/USDT buys 0.50753 at 97.91", ether]

        # What has risen is sold: the bid that is too much now is withdrawn first.
        await day.move({BTC: "150.00"})
        await day.wait(30)
        assert await day.truth.standing() == [ether]
        await day.wait(30)
        assert await day.truth.standing() == ["R:BTC/USDT sells 0.40394 at 151.51", ether]
        await day.move({BTC: "151.51"})
        assert (await day.truth.traded())[2:] == ["R:BTC/USDT sells 0.40394 at 151.51"]


async def test_told_to_execute_it_does_so_once_and_rests(database_url: str) -> None:
    by_hand = {**PARAMS, "automatic": False}
    prices = {BTC: "99.99", ETH: "9.99"}
    async with trading_day(database_url, "rebalance", by_hand, balances=BALANCES, prices=prices) as day:
        await day.wait(60)
        assert await day.truth.standing() == []
        await day.tell("execute")
        assert len(await day.truth.standing()) == 2
        await day.move({BTC: "98.90", ETH: "9.85"})
        await day.wait(60)
        assert await day.truth.standing() == []
        assert len(await day.truth.traded()) == 2
        (tick,) = [record for record in day.records if record.kind == "rebalance_tick"]
        assert Decimal(tick.detail["nav"]) == Decimal("999.93")
