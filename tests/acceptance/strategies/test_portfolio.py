"""Several strategies share an account, over ccxt and the paper exchange: each with books of its own."""

from decimal import Decimal

import pytest

from tests.acceptance.strategies.trading_day import trading_day

pytestmark = pytest.mark.slow

PARAMS = {
    "members": [
        {
            "name": "pairs",
            "strategy": "deals",
            "capital": "300",
            "params": {
                "symbol": "BTC/USDT",
                "deal_quota": "50",
                "profit_markup": "1",
                "deal_count": 1,
                "order_life_time": 60,
            },
        },
        {
            "name": "saver",
            "strategy": "dca",
            "capital": "150",
            "params": {"mode": "time", "symbol": "BTC/USDT", "amount": "100", "interval_s": 60},
        },
    ]
}


async def test_members_trade_side_by_side_each_with_its_own_money(database_url: str) -> None:
    async with trading_day(database_url, "portfolio", PARAMS) as day:
        saved, bid = "saver~B buys 0.9999 at 100.01", "pairs~B:1 buys 0.5 at 100"
        assert (await day.truth.traded(), await day.truth.standing()) == ([saved], [bid])

        await day.move("99.90")
        await day.wait(60)
        assert await day.truth.traded() == [saved, bid], "of the saver's 150, a hundred is spent"
        assert "reserved" in day.records[-1].reason

        await day.die()
        await day.move("101.30")
        assert (await day.truth.traded())[2:] == ["pairs~S:1 sells 0.4995 at 101.21"]
        books = day.trader.state.memory.books
        assert books.ledgers["pairs"].flows == {"BTC": 0, "USDT": Decimal("0.50384061")}
        assert books.ledgers["saver"].flows == {"BTC": Decimal("0.9989001"), "USDT": Decimal("-99.999999")}
        for asset, amount in books.flows.items():
            assert sum((ledger.flows[asset] for ledger in books.ledgers.values()), Decimal(0)) == amount
