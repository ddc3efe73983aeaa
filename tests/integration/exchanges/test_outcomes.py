"""Whether we know the outcome, for everything that can happen to a request on its way."""

import asyncio
import pickle
import traceback
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from exchanges.errors import (
    ClockSkewed,
    KeyRefused,
    OrderNotFound,
    OrderRefused,
    OutcomeKnown,
    OutcomeUnknown,
    RateLimited,
    Unparsable,
    VenueError,
    VenueUnreachable,
)
from exchanges.port import Account
from trading.ids import ClientOrderId, RunId, Slot, Symbol
from trading.orders import ApprovedOrder, OrderKind, Purpose, Side

BTC_USDT = Symbol("BTC/USDT")
NAME = ClientOrderId("tfabcdefghijklmnopqrstuvwxyz2345")
AN_ORDER = ApprovedOrder(
    client_order_id=NAME,
    run=RunId("run"),
    slot=Slot("B:1"),
    cycle=1,
    attempt=1,
    symbol=BTC_USDT,
    side=Side.BUY,
    kind=OrderKind.LIMIT,
    quantity=Decimal("0.00042"),
    price=Decimal("61204.1"),
    purpose=Purpose.ENTRY,
    reason="dip",
)


async def place(account: Account) -> VenueError:
    with pytest.raises(VenueError) as caught:
        await account.place(AN_ORDER, datetime.now(UTC))
    return caught.value


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def cut_before_answering(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def cut_inside_the_body(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": "500"})
    await response.prepare(request)
    await response.write(b'{"symbol": "BTCUSDT", "orderId": 28')
    assert request.transport is not None
    request.transport.close()
    return response


def text(body: str, status: int = 200, kind: str = "application/json") -> Any:
    async def respond(_: web.Request) -> web.StreamResponse:
        return web.Response(text=body, status=status, content_type=kind)

    return respond


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(never, OutcomeUnknown, id="no answer in time", marks=pytest.mark.slow),
        pytest.param(cut_before_answering, OutcomeUnknown, id="connection cut before the answer"),
        pytest.param(cut_inside_the_body, OutcomeUnknown, id="connection cut inside the body"),
        pytest.param(text('{"symbol": "BTCUSDT", "orderId": 2'), Unparsable, id="half a JSON"),
        pytest.param(text("OK", kind="text/plain"), Unparsable, id="not JSON at all"),
        pytest.param(text(""), Unparsable, id="an empty body"),
        pytest.param(text("[]"), Unparsable, id="a list where an order should be"),
        pytest.param(text("{}"), Unparsable, id="an order without anything in it"),
        pytest.param(text("<html>Bad Gateway</html>", 502, "text/html"), OutcomeUnknown, id="a broken gateway"),
        pytest.param(text("", 504), OutcomeUnknown, id="a gateway's own time-out"),
        pytest.param(text('{"code": -1008, "msg": "Overloaded."}', 503), OutcomeUnknown, id="overloaded"),
        pytest.param(text("", 408), OutcomeUnknown, id="a request time-out"),
        pytest.param(text("<html>Forbidden</html>", 403, "text/html"), RateLimited, id="the firewall"),
        pytest.param(text("<html>Not Found</html>", 404, "text/html"), OrderRefused, id="a wrong address"),
    ],
)
async def test_what_an_answer_means_for_an_order(
    scripted: Any, account: Account, answer: Any, expected: type[VenueError]
) -> None:
    scripted.answers["POST /order"] = answer
    error = await place(account)
    assert type(error) is expected
    assert [each.method for each in scripted.received].count("POST") == 1, "sent again"


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        (-2010, "Account has insufficient balance for requested action.", OrderRefused),
        (-2010, "Duplicate order sent.", OutcomeUnknown),
        (-1013, "Filter failure: LOT_SIZE", OrderRefused),
        (-1013, "Filter failure: PRICE_FILTER", OrderRefused),
        (-1121, "Invalid symbol.", OrderRefused),
        (-9999, "A code of tomorrow.", OrderRefused),
        (-1021, "Timestamp for this request is outside of the recvWindow.", ClockSkewed),
        (-1003, "Too many requests; current limit is 6000 request weight per 1 MINUTE.", RateLimited),
        (-1015, "Too many new orders; current limit is 100 orders per 10 SECOND.", RateLimited),
        (-2014, "API-key format invalid.", KeyRefused),
        (-2015, "Invalid API-key, IP, or permissions for action.", KeyRefused),
        (-1022, "Signature for this request is not valid.", KeyRefused),
        (-1000, "An unknown error occurred while processing the request.", OutcomeUnknown),
        (-1006, "Execution status unknown.", OutcomeUnknown),
        (-1007, "Timeout waiting for response from backend server.", OutcomeUnknown),
    ],
)
async def test_what_the_venues_codes_mean_for_an_order(
    scripted: Any, account: Account, code: int, message: str, expected: type[VenueError]
) -> None:
    scripted.answer("POST /order", {"code": code, "msg": message}, status=400)
    error = await place(account)
    assert type(error) is expected
    assert message in str(error)
    if isinstance(error, OutcomeKnown):
        assert error.code == str(code)


@pytest.mark.parametrize("status", [418, 429])
async def test_told_to_slow_down_says_until_when(scripted: Any, account: Account, status: int) -> None:
    scripted.answer("POST /order", {"code": -1003, "msg": "Banned."}, status=status, headers={"Retry-After": "17"})
    error = await place(account)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 17


async def test_a_connection_that_is_refused_sent_nothing(scripted: Any, account: Account) -> None:
    await scripted.stop()
    await place(account)  # may have gone out on the connection that was kept open, and that proves nothing
    assert type(await place(account)) is VenueUnreachable


async def test_a_temporary_ban_after_success_is_still_the_keys_fault(
    scripted: Any, account: Account, recorded: Any
) -> None:
    # ccxt takes -2015 for a ban by rate once a private call has succeeded.
    scripted.answer("GET /account", recorded("account"))
    await account.balances()
    scripted.answer("GET /account", {"code": -2015, "msg": "Invalid API-key, IP, or permissions."}, status=401)
    with pytest.raises(KeyRefused):
        await account.balances()


async def test_only_a_definite_no_means_that_an_order_does_not_exist(scripted: Any, account: Account) -> None:
    scripted.answer("GET /order", {"code": -2013, "msg": "Order does not exist."}, status=400)
    assert await account.find(BTC_USDT, NAME) is None
    scripted.answer("GET /order", {"code": -1000, "msg": "An unknown error occurred."}, status=400)
    with pytest.raises(OutcomeUnknown):
        await account.find(BTC_USDT, NAME)


async def test_a_cancellation_of_nothing_says_so(scripted: Any, account: Account) -> None:
    scripted.answer("DELETE /order", {"code": -2011, "msg": "Unknown order sent."}, status=400)
    with pytest.raises(OrderNotFound):
        await account.cancel(BTC_USDT, NAME)
    scripted.answer("DELETE /order", {"code": -2011, "msg": "Order was not canceled due to restrictions."}, status=400)
    with pytest.raises(OrderRefused):
        await account.cancel(BTC_USDT, NAME)


async def echo_the_request(request: web.Request) -> web.StreamResponse:
    return web.json_response({"code": -1100, "msg": f"Illegal: {request.raw_path} {dict(request.headers)}"}, status=400)


@pytest.mark.parametrize(
    "answer", [never, cut_before_answering, cut_inside_the_body, text("{", 200), text("no", 500), echo_the_request]
)
@pytest.mark.slow
async def test_no_error_shows_a_key_or_a_signature(scripted: Any, account: Account, answer: Any) -> None:
    scripted.answers["GET /order"] = answer
    with pytest.raises(VenueError) as caught:
        await account.find(BTC_USDT, NAME)
    signature = scripted.received[-1].params["signature"]
    frames = [frame.f_locals for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]
    shown = "".join(traceback.format_exception(caught.value)) + repr(pickle.dumps(caught.value)) + repr(frames)
    for secret in (signature, "canarykey", "canarysecret"):
        assert secret not in shown
    assert caught.value.__context__ is None
