"""ccxt's own binance class, its addresses changed and nothing else, trades here as it would there."""

import asyncio
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from paper.server import PaperExchange
from tests.integration.paper.administration import administer, open_account

pytestmark = pytest.mark.slow

Connect = Callable[..., Any]


async def until(condition: Callable[[], Any]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def test_it_loads_the_markets_with_their_rules(exchange: PaperExchange, connect: Connect) -> None:
    client = connect(exchange)
    markets = await client.load_markets()
    assert {"BTC/USDT", "ETH/USDT", "SOL/USDT", "BNB/USDT"} <= set(markets)
    assert markets["BTC/USDT"]["precision"] == {"amount": 1e-05, "price": 0.01, "base": None, "quote": None} | {
        name: markets["BTC/USDT"]["precision"][name] for name in ("base", "quote")
    }
    assert markets["BTC/USDT"]["limits"]["cost"]["min"] == 5


async def test_a_market_order_fills_and_pays_its_fee(exchange: PaperExchange, connect: Connect) -> None:
    client = connect(exchange, await open_account(exchange, USDT="10000"))
    await client.load_markets()
    order = await client.create_order("BTC/USDT", "market", "buy", 0.01)
    assert (order["status"], order["filled"]) == ("closed", 0.01)
    balance = await client.fetch_balance()
    assert balance["BTC"]["total"] == pytest.approx(0.01 * 0.999)
    assert balance["USDT"]["free"] == pytest.approx(10_000 - order["cost"])
    trades = await client.fetch_my_trades("BTC/USDT")
    truth = (await administer(exchange, "GET", "trades"))["trades"]
    assert [trade["id"] for trade in trades] == [str(trade["id"]) for trade in truth]


async def test_a_limit_order_rests_is_found_by_its_name_and_cancelled(
    exchange: PaperExchange, connect: Connect
) -> None:
    client = connect(exchange, await open_account(exchange, USDT="10000"))
    await client.load_markets()
    price = client.price_to_precision("BTC/USDT", (await client.fetch_ticker("BTC/USDT"))["last"] * 0.9)
    named = {"clientOrderId": "tfabc"}
    await client.create_order("BTC/USDT", "limit", "buy", 0.01, price, named)
    found = await client.fetch_order(None, "BTC/USDT", {"origClientOrderId": "tfabc"})
    assert (found["status"], found["clientOrderId"]) == ("open", "tfabc")
    assert [order["clientOrderId"] for order in await client.fetch_open_orders("BTC/USDT")] == ["tfabc"]
    with pytest.raises(ccxt.ExchangeError, match="Duplicate order"):
        await client.create_order("BTC/USDT", "limit", "buy", 0.01, price, named)
    await client.cancel_order(None, "BTC/USDT", {"origClientOrderId": "tfabc"})
    assert (await client.fetch_balance())["USDT"]["free"] == 10_000
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order(None, "BTC/USDT", {"origClientOrderId": "tfabc"})
    assert (await client.create_order("BTC/USDT", "limit", "buy", 0.01, price, named))["status"] == "open"


async def test_its_streams_tell_of_quotes_orders_trades_and_balances(exchange: PaperExchange, connect: Connect) -> None:
    client = connect(exchange, await open_account(exchange, USDT="10000"))
    await client.load_markets()
    quotes = await asyncio.wait_for(client.watch_bids_asks(["BTC/USDT", "ETH/USDT"]), 5)
    for quote in quotes.values():
        assert 0 < quote["bid"] < quote["ask"]
    news = asyncio.gather(client.watch_orders(), client.watch_my_trades(), client.watch_balance())
    await until(lambda: any(connection.accounts for connection in exchange.connections))
    placed = await client.create_order("ETH/USDT", "market", "buy", 1)
    orders, trades, balance = await asyncio.wait_for(news, 5)
    assert orders[-1]["id"] == placed["id"]
    assert trades[-1]["order"] == placed["id"]
    assert balance["USDT"]["total"] <= 10_000


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (lambda client: setattr(client, "secret", "wrong"), ccxt.AuthenticationError),
        (lambda client: setattr(client, "apiKey", "wrong"), ccxt.AuthenticationError),
        (lambda client: client.options.update(timeDifference=60_000), ccxt.InvalidNonce),
        (lambda client: client.options.update(timeDifference=-5_000), ccxt.InvalidNonce),
    ],
    ids=["bad signature", "unknown key", "stale timestamp", "timestamp ahead"],
)
async def test_a_request_that_proves_nothing_is_refused(
    exchange: PaperExchange, connect: Connect, spoil: Callable[[Any], None], error: type[Exception]
) -> None:
    client = connect(exchange, await open_account(exchange, USDT="10000"))
    spoil(client)
    with pytest.raises(error):
        await client.private_get_account()


async def test_more_than_there_is_cannot_be_spent(exchange: PaperExchange, connect: Connect) -> None:
    client = connect(exchange, await open_account(exchange, USDT="100"))
    await client.load_markets()
    with pytest.raises(ccxt.InsufficientFunds):
        await client.create_order("BTC/USDT", "market", "buy", 1)
