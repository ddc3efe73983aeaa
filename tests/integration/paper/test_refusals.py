"""What is asked for wrongly gets the venue's own code, status and words, and the venue goes on."""

import asyncio
from typing import Any

import aiohttp
import pytest

from paper.server import PaperExchange
from tests.integration.paper.administration import administer, open_account
from tests.integration.paper.wire import Rest

pytestmark = pytest.mark.slow

ORDER = {
    "symbol": "BTCUSDT",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.01",
    "price": "60000",
}


@pytest.fixture
async def rest(exchange: PaperExchange) -> Rest:
    return Rest(exchange.rest_url, await open_account(exchange, USDT="10000"))


def but(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (ORDER | changes).items() if value is not None}


@pytest.mark.parametrize(
    ("order", "code", "message"),
    [
        (but(symbol=None), -1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed."),
        (but(symbol="NOPE"), -1121, "Invalid symbol."),
        (but(side="HOLD"), -1117, "Invalid side."),
        (but(type="WISH"), -1116, "Invalid orderType."),
        (but(timeInForce="SOON"), -1115, "Invalid timeInForce."),
        (but(timeInForce=None), -1102, "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed."),
        (but(price=None), -1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed."),
        (but(stopPrice="1"), -1106, "Parameter 'stopPrice' sent when not required."),
        (but(quoteOrderQty="1"), -1106, "Parameter 'quoteOrderQty' sent when not required."),
        (but(type="MARKET", timeInForce=None), -1106, "Parameter 'price' sent when not required."),
        (but(quantity="1.123456789"), -1111, "Parameter 'quantity' has too much precision."),
        (but(quantity="much"), -1100, None),
        (but(price="-1"), -1100, None),
        (but(newClientOrderId="spaces are not allowed"), -1100, None),
        (but(newOrderRespType="LONG"), -1130, "Data sent for parameter 'newOrderRespType' is not valid."),
        (but(icebergQty="0.001"), -2010, "Iceberg orders are not supported for this symbol."),
        (but(quantity="0.00001"), -1013, "Filter failure: NOTIONAL"),
        (but(quantity="1"), -2010, "Account has insufficient balance for requested action."),
        (
            {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET"},
            -1102,
            "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
        ),
        (
            {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "1"},
            -1102,
            "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
        ),
    ],
)
async def test_a_wrong_order(rest: Rest, order: dict[str, Any], code: int, message: str | None) -> None:
    status, got, said = await rest.refusal("POST", "/api/v3/order", **order)
    assert (status, got) == (400, code)
    assert said == message or (message is None and said.startswith("Illegal characters found in parameter"))


@pytest.mark.parametrize(
    ("method", "path", "params", "code"),
    [
        ("GET", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": 99}, -2013),
        ("GET", "/api/v3/order", {"symbol": "BTCUSDT"}, -1102),
        ("DELETE", "/api/v3/order", {"symbol": "BTCUSDT", "origClientOrderId": "x"}, -2011),
        ("DELETE", "/api/v3/order", {"symbol": "BTCUSDT", "orderId": 1, "cancelRestrictions": "ALWAYS"}, -1145),
        ("DELETE", "/api/v3/openOrders", {"symbol": "BTCUSDT"}, -2011),
        ("GET", "/api/v3/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("GET", "/api/v3/depth", {"symbol": "BTCUSDT", "limit": "ten"}, -1100),
        ("GET", "/api/v3/ticker/24hr", {"symbols": "[BTC"}, -1100),
        ("GET", "/api/v3/ticker", {"symbol": "BTCUSDT", "windowSize": "9w"}, -1100),
        ("GET", "/api/v3/orderList", {}, -1102),
        ("PUT", "/api/v3/userDataStream", {"listenKey": "nobody's"}, -1125),
        ("POST", "/api/v3/order/cancelReplace", but(cancelReplaceMode="PERHAPS", cancelOrderId=1), -1130),
    ],
)
async def test_a_wrong_question(rest: Rest, method: str, path: str, params: dict[str, Any], code: int) -> None:
    assert (await rest.refusal(method, path, **params))[:2] == (400, code)


async def test_a_failed_replacement_tells_of_both_halves(rest: Rest) -> None:
    replacing = but(cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=99)
    status, body, _ = await rest.send("POST", "/api/v3/order/cancelReplace", signed=True, **replacing)
    assert (status, body["code"]) == (400, -2022)
    assert body["data"]["cancelResponse"] == {"code": -2011, "msg": "Unknown order sent."}
    assert (body["data"]["newOrderResult"], body["data"]["newOrderResponse"]) == ("NOT_ATTEMPTED", None)
    replacing["cancelReplaceMode"] = "ALLOW_FAILURE"
    status, body, _ = await rest.send("POST", "/api/v3/order/cancelReplace", signed=True, **replacing)
    assert (status, body["code"], body["data"]["newOrderResult"]) == (409, -2021, "SUCCESS")


@pytest.mark.parametrize(
    ("wish", "call", "code"),
    [
        ({"trade": False}, "POST", -2015),
        ({"addresses": ["10.9.8.7"]}, "GET", -2015),
    ],
)
async def test_a_key_opens_only_what_it_is_for(
    exchange: PaperExchange, wish: dict[str, Any], call: str, code: int
) -> None:
    account = await open_account(exchange, USDT="10000")
    key = await administer(exchange, "POST", "keys", {"account": account["account"]} | wish)
    status, got, _ = await Rest(exchange.rest_url, key).refusal(call, "/api/v3/order", **ORDER)
    assert (status, got) == (401, code)


async def test_a_keys_rights_can_be_asked_for(exchange: PaperExchange) -> None:
    account = await open_account(exchange, USDT="10000")
    wish = {"account": account["account"], "withdraw": True, "trade": False, "addresses": ["127.0.0.1"]}
    rest = Rest(exchange.rest_url, await administer(exchange, "POST", "keys", wish))
    _, rights, _ = await rest.send("GET", "/sapi/v1/account/apiRestrictions", signed=True)
    asked = ("ipRestrict", "enableReading", "enableWithdrawals", "enableSpotAndMarginTrading")
    assert [rights[name] for name in asked] == [True, True, True, False]
    _, seen, _ = await rest.send("GET", "/api/v3/account", signed=True)
    assert (seen["canTrade"], seen["canWithdraw"]) == (False, True)


async def test_answers_count_what_was_used(rest: Rest) -> None:
    _, _, headers = await rest.send("POST", "/api/v3/order", signed=True, **ORDER)
    assert int(headers["X-MBX-USED-WEIGHT-1M"]) >= 1
    assert (headers["X-MBX-ORDER-COUNT-10S"], headers["X-MBX-ORDER-COUNT-1D"]) == ("1", "1")
    _, counts, _ = await rest.send("GET", "/api/v3/rateLimit/order", signed=True)
    assert [(row["interval"], row["count"]) for row in counts] == [("SECOND", 1), ("DAY", 1)]


GARBAGE = [
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x00\xff\xfe rubbish \r\n\r\n",
    b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n\xff\xfe\xfd\xfc\xfb",
    b"GET /api/v3/klines?symbol=%ff%00&interval=%ZZ HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /api/v3/ticker/24hr?symbols=" + b"[" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /_paper/accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /api/v3/time HTTP/1.0\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_never_stops_the_server(
    exchange: PaperExchange, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", exchange.port)
    writer.write(garbage)
    answer = await asyncio.wait_for(reader.read(300), 3)
    writer.close()
    assert answer.startswith(b"HTTP/1."), answer
    assert not answer.split()[1].startswith(b"5"), answer
    assert (await Rest(exchange.rest_url).send("GET", "/api/v3/ping"))[0] == 200
    assert "a request failed" not in caplog.text


NO_REQUESTS = [
    "",
    "{",
    "[]",
    "null",
    '"SUBSCRIBE"',
    "\x00" * 99,
    "[" * 5000,
    '{"method":1}',
    '{"method":"SUBSCRIBE","params":[1],"id":[]}',
    '{"method":"order.place","params":[]}',
    '{"method":"order.place","params":{"symbol":{}}}',
]


@pytest.mark.parametrize("path", ["/ws", "/stream", "/ws-api/v3"])
@pytest.mark.parametrize("text", NO_REQUESTS)
async def test_garbage_on_a_socket_is_answered_with_an_error(exchange: PaperExchange, path: str, text: str) -> None:
    async with aiohttp.ClientSession() as session, session.ws_connect(exchange.stream_url + path) as socket:
        await socket.send_str(text)
        answer = await asyncio.wait_for(socket.receive_json(), 3)
        assert "error" in answer
        await socket.send_bytes(b"\x00\x01")
        await socket.send_json({"id": 7, "method": "LIST_SUBSCRIPTIONS" if path != "/ws-api/v3" else "ping"})
        assert (await asyncio.wait_for(socket.receive_json(), 3))["id"] == 7


async def test_the_operators_side_wants_its_token(exchange: PaperExchange) -> None:
    async with aiohttp.ClientSession() as session:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer é"}):
            async with session.get(f"{exchange.rest_url}/_paper/trades", headers=headers) as answer:
                assert answer.status == 401
                assert exchange.admin_token not in await answer.text()
