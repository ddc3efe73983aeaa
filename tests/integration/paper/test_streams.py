"""What is streamed is what is: books that can be kept, candles that close, accounts that are told everything."""

import asyncio
import base64
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from paper.server import PaperExchange
from tests.integration.paper.administration import administer, open_account
from tests.integration.paper.wire import Rest, ws_params

pytestmark = pytest.mark.slow


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def hear(socket: aiohttp.ClientWebSocketResponse) -> Any:
    return await asyncio.wait_for(socket.receive_json(), 5)


async def ask(socket: aiohttp.ClientWebSocketResponse, **message: Any) -> Any:
    await socket.send_json({"id": "mine"} | message)
    while True:
        answer = await hear(socket)
        if answer.get("id") == "mine":
            return answer


def keep(book: dict[str, dict[str, str]], diff: dict[str, Any]) -> None:
    for side, changes in (("bids", diff["b"]), ("asks", diff["a"])):
        for price, quantity in changes:
            book[side].pop(price, None)
            if float(quantity):
                book[side][price] = quantity


async def test_a_book_kept_from_its_diffs_is_the_venues_own(
    exchange: PaperExchange, session: aiohttp.ClientSession
) -> None:
    async with session.ws_connect(f"{exchange.stream_url}/ws/btcusdt@depth@100ms") as socket:
        diffs = [await hear(socket)]
        _, snapshot, _ = await Rest(exchange.rest_url).send("GET", "/api/v3/depth", symbol="BTCUSDT", limit=5000)
        kept = {side: dict(snapshot[side]) for side in ("bids", "asks")}
        last = snapshot["lastUpdateId"]
        while diffs[-1]["u"] < last + 200:
            diffs.append(await hear(socket))
        for earlier, later in pairwise(diffs):
            assert later["U"] == earlier["u"] + 1
        for diff in diffs:
            if diff["u"] > last:
                assert diff["U"] <= last + 1
                last = diff["u"]
                keep(kept, diff)
        while True:
            _, now, _ = await Rest(exchange.rest_url).send("GET", "/api/v3/depth", symbol="BTCUSDT", limit=5000)
            if now["lastUpdateId"] == last:
                break
            diff = await hear(socket)
            last = diff["u"]
            keep(kept, diff)
    assert kept == {side: dict(now[side]) for side in ("bids", "asks")}


async def test_combined_streams_say_whose_news_it_is(exchange: PaperExchange, session: aiohttp.ClientSession) -> None:
    names = {"btcusdt@trade", "ethusdt@bookTicker", "!miniTicker@arr", "btcusdt@depth5@100ms", "solusdt@kline_1m"}
    async with session.ws_connect(f"{exchange.stream_url}/stream?streams={'/'.join(names)}") as socket:
        heard: set[str] = set()
        while heard != names:
            heard.add((await hear(socket))["stream"])


async def test_subscriptions_can_be_changed_on_the_way(exchange: PaperExchange, session: aiohttp.ClientSession) -> None:
    async with session.ws_connect(f"{exchange.stream_url}/ws") as socket:
        assert await ask(socket, method="SUBSCRIBE", params=["btcusdt@bookTicker"]) == {"result": None, "id": "mine"}
        assert (await ask(socket, method="LIST_SUBSCRIPTIONS"))["result"] == ["btcusdt@bookTicker"]
        assert "u" in await hear(socket)
        await ask(socket, method="SET_PROPERTY", params=["combined", True])
        assert (await hear(socket))["stream"] == "btcusdt@bookTicker"
        await ask(socket, method="UNSUBSCRIBE", params=["btcusdt@bookTicker"])
        assert (await ask(socket, method="LIST_SUBSCRIPTIONS"))["result"] == []
        assert "error" in await ask(socket, method="SET_PROPERTY", params=["combined", "maybe"])


async def test_every_stream_has_the_shape_the_venue_documents(
    exchange: PaperExchange, session: aiohttp.ClientSession
) -> None:
    shapes = {
        "trade": "eEstpqTmM",
        "aggTrade": "eEsapqflTmM",
        "miniTicker": "eEscohlvq",
        "ticker": "eEspPwxcQbBaAohlvqOCFLn",
        "ticker_1h": "eEspPwohlcvqOCFLn",
        "avgPrice": "eEsiwT",
        "kline_1m": "eEsk",
        "depth": "eEsUuba",
        "bookTicker": "usbBaA",
    }
    path = "/".join(f"btcusdt@{name}" for name in shapes)
    async with session.ws_connect(f"{exchange.stream_url}/stream?streams={path}") as socket:
        seen: dict[str, set[str]] = {}
        while len(seen) < len(shapes):
            message = await hear(socket)
            seen[message["stream"].removeprefix("btcusdt@")] = set(message["data"])
    assert seen == {name: set(letters) for name, letters in shapes.items()}


async def test_a_listen_key_opens_the_accounts_news(exchange: PaperExchange, session: aiohttp.ClientSession) -> None:
    account = await open_account(exchange, USDT="10000")
    rest = Rest(exchange.rest_url, account)
    _, opened, _ = await rest.send("POST", "/api/v3/userDataStream")
    assert (await rest.send("PUT", "/api/v3/userDataStream", listenKey=opened["listenKey"]))[0] == 200
    async with session.ws_connect(f"{exchange.stream_url}/ws/{opened['listenKey']}") as socket:
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        await rest.send("POST", "/api/v3/order", signed=True, **order)
        kinds = [(event["e"], event.get("X")) for event in [await hear(socket) for _ in range(4)]]
        await administer(
            exchange, "POST", "deposits", {"account": account["account"], "asset": "USDT", "amount": "1.5"}
        )
        deposit = await hear(socket)
    assert kinds == [
        ("executionReport", "NEW"),
        ("outboundAccountPosition", None),
        ("executionReport", "FILLED"),
        ("outboundAccountPosition", None),
    ]
    assert (deposit["e"], deposit["a"], deposit["d"]) == ("balanceUpdate", "USDT", "1.50000000")


async def test_the_websocket_api_trades_and_tells_of_limits(
    exchange: PaperExchange, session: aiohttp.ClientSession
) -> None:
    account = await open_account(exchange, USDT="10000")
    async with session.ws_connect(f"{exchange.stream_url}/ws-api/v3") as socket:
        subscribed = await ask(socket, method="userDataStream.subscribe.signature", params=ws_params(account))
        assert (subscribed["status"], subscribed["result"]) == (200, {"subscriptionId": 0})
        again = await ask(socket, method="userDataStream.subscribe.signature", params=ws_params(account))
        assert again["error"]["code"] == -2035
        order = ws_params(account, symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.01")
        placed = await ask(socket, method="order.place", params=order)
        assert placed["result"]["status"] == "FILLED"
        assert {limit["rateLimitType"] for limit in placed["rateLimits"]} == {"ORDERS", "REQUEST_WEIGHT"}
        quiet = await ask(socket, method="time", params={"returnRateLimits": False})
        assert set(quiet) == {"id", "status", "result"}
        refused = await ask(socket, method="v3/order.status", params=ws_params(account, symbol="BTCUSDT", orderId=99))
        assert (refused["status"], refused["error"]) == (400, {"code": -2013, "msg": "Order does not exist."})
        assert (await ask(socket, method="make.coffee"))["status"] == 404


async def test_a_session_logs_on_once_with_an_ed25519_key(
    exchange: PaperExchange, session: aiohttp.ClientSession
) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    account = await open_account(exchange, USDT="10000")
    key = await administer(exchange, "POST", "keys", {"account": account["account"], "public_key": public})
    assert key["secret"] is None

    def sign(payload: str) -> str:
        return base64.b64encode(private.sign(payload.encode())).decode()

    async with session.ws_connect(f"{exchange.stream_url}/ws-api/v3") as socket:
        hmac_refused = await ask(socket, method="session.logon", params=ws_params(account))
        assert hmac_refused["error"]["code"] == -4056
        logged_on = await ask(socket, method="session.logon", params=ws_params(key, sign))
        assert logged_on["result"]["apiKey"] == key["api_key"]
        placed = await ask(
            socket,
            method="order.place",
            params={"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"},
        )
        assert placed["result"]["status"] == "FILLED"
        assert (await ask(socket, method="userDataStream.subscribe"))["result"] == {"subscriptionId": 0}
        assert (await ask(socket, method="session.subscriptions"))["result"] == [{"subscriptionId": 0}]
        assert (await ask(socket, method="session.logout"))["result"]["apiKey"] is None
        assert (await ask(socket, method="account.status"))["status"] == 401
