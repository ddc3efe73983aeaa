"""Both modes of the grid trade as their page says, over ccxt and the paper exchange."""

from decimal import Decimal

import pytest

from tests.acceptance.strategies.trading_day import BTC, trading_day

pytestmark = pytest.mark.slow

BASKET = {
    "mode": "basket",
    "symbol": "BTC/USDT",
    "anchor": "100",
    "size": "100",
    "levels": 3,
    "tp1_pct": "1",
    "tp1_share_pct": "50",
    "tp2_pct": "2",
    "tp2_share_pct": "30",
    "trail_start_pct": "2.5",
    "trail_pct": "1",
    "stop_pct": "2",
}
RANGE = {"mode": "range", "symbol": "BTC/USDT", "lower": "90", "upper": "105", "lines": 4, "quote_per_line": "95"}


async def test_a_basket_is_bought_in_steps_and_sold_in_parts(database_url: str) -> None:
    async with trading_day(database_url, "grid", BASKET) as day:
        bids = ["B:1 buys 1.0101 at 99", "B:2 buys 1.0204 at 98", "B:3 buys 1.03092 at 97"]
        assert await day.truth.standing() == bids

        await day.move("98.90")
        offers = ["S:TP1 sells 0.50454 at 100.1", "S:TP2 sells 0.30272 at 101.09"]
        assert await day.truth.standing() == [*bids[1:], *offers]

        await day.move("97.90")
        await day.die()
        offers = ["S:TP1 sells 1.01423 at 99.59", "S:TP2 sells 0.60854 at 100.57"]
        assert await day.truth.standing() == [*bids[2:], *offers]

        await day.move("99.70", "101.50")
        assert await day.truth.traded() == [*bids[:2], *offers]
        assert await day.truth.standing() == bids[2:]

        await day.move("100.40")
        assert (await day.truth.traded())[4:] == ["S:TRAIL sells 0.40569 at 100.4"]
        (closed,) = [record for record in day.records if record.kind == "basket_closed"]
        assert Decimal(closed.detail["profit"]) == Decimal("2.73727021")
        assert day.truth.totals() == {"USDT": Decimal("1002.73727021"), "BTC": Decimal("0.0000095")}


async def test_a_basket_that_falls_through_its_zone_is_sold_at_its_stop(database_url: str) -> None:
    async with trading_day(database_url, "grid", {**BASKET, "cool_down_s": 600}, discount=True) as day:
        await day.move("98.90", "97.90", "96.90")
        assert len(await day.truth.traded()) == 3
        await day.move("95.06")
        assert (await day.truth.traded())[3:] == ["S:STOP sells 3.05835 at 95.06"]
        assert await day.truth.standing() == []

        await day.wait(601)
        assert await day.truth.standing() == [
            "B:1 buys 1.06258 at 94.11",
            "B:2 buys 1.07342 at 93.16",
            "B:3 buys 1.08448 at 92.21",
        ]


async def test_a_range_buys_at_each_line_and_sells_at_the_next(database_url: str) -> None:
    async with trading_day(database_url, "grid", RANGE, prices={BTC: "99"}) as day:
        assert await day.truth.standing() == ["B:0 buys 1.05555 at 90", "B:1 buys 1 at 95"]

        await day.move("94.90")
        await day.die()
        await day.move("100.10")
        assert await day.truth.traded() == ["B:1 buys 1 at 95", "S:1 sells 0.999 at 100"]
        assert day.truth.totals() == {"USDT": Decimal("1004.8001")}
        assert await day.truth.standing() == ["B:0 buys 1.05555 at 90", "B:1 buys 1 at 95", "B:2 buys 0.95 at 100"]

        await day.move("89.90")
        sales = ["S:0 sells 1.05449 at 95", "S:1 sells 0.999 at 100", "S:2 sells 0.94905 at 105"]
        assert await day.truth.standing() == sales

        await day.move("95.10")
        assert (await day.truth.traded())[-1] == sales[0]
        assert await day.truth.standing() == ["B:0 buys 1.05555 at 90", *sales[1:]]

        await day.tell("close")
        assert (await day.truth.traded())[-1] == "S:STOP sells 1.94805 at 95.1"
        assert await day.truth.standing() == []
