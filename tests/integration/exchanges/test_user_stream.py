import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import WSMsgType, web

from exchanges.errors import StreamLost
from exchanges.port import Account, Balance, StreamOpened, UserEvent, VenueOrder
from exchanges.venues import Venue
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, TradeId
from trading.orders import OrderState

NAME = ClientOrderId("tfabcdefghijklmnopqrstuvwxyz2345")

Script = Callable[[web.WebSocketResponse], Any]


def speak(script: Script, *, reply: Any = None) -> Any:
    """A WebSocket API that takes one subscription, then says what is in the script, then stays."""

    async def respond(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        asked = json.loads((await socket.receive()).data)
        assert asked["method"] == "userDataStream.subscribe.signature"
        await socket.send_json(reply or {"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}})
        await script(socket)
        return socket

    return respond


def say(*messages: Any, then_wait: bool = True) -> Script:
    async def script(socket: web.WebSocketResponse) -> None:
        for message in messages:
            await socket.send_json({"subscriptionId": 0, "event": message})
        if then_wait:
            await socket.receive()

    return script


@contextlib.asynccontextmanager
async def following(account: Account) -> AsyncIterator[AsyncIterator[UserEvent]]:
    events = account.user_events()
    try:
        yield events
    finally:
        await events.aclose()  # type: ignore[attr-defined]


async def test_every_report_comes_in_the_order_sent(scripted: Any, account: Account, recorded: Any) -> None:
    scripted.answers["GET /ws-api/v3"] = speak(say(*recorded("user_stream")))
    seen: list[UserEvent] = []
    async with following(account) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, VenueOrder) and event.state is OrderState.CANCELLED:
                break
    told = [event for event in seen if isinstance(event, VenueOrder | Fill)]
    assert isinstance(seen[0], StreamOpened)
    assert [
        (event.trade_id, event.quantity, event.fee, event.maker)
        if isinstance(event, Fill)
        else (event.state, event.filled)
        for event in told
    ] == [
        (OrderState.OPEN, Decimal(0)),
        (TradeId("9"), Decimal("0.0001"), Decimal("0.0000001"), True),
        (OrderState.PARTIALLY_FILLED, Decimal("0.0001")),
        (TradeId("10"), Decimal("0.0002"), Decimal("0.0000002"), False),
        (OrderState.PARTIALLY_FILLED, Decimal("0.0003")),
        (OrderState.CANCELLED, Decimal("0.0003")),
    ]
    # A cancellation has a client id of its own; the order keeps its.
    assert {event.client_order_id for event in told} == {NAME}


async def test_a_deposit_is_not_counted_twice(scripted: Any, account: Account, recorded: Any) -> None:
    _, first, _, deposit, both, *_ = recorded("user_stream")
    scripted.answers["GET /ws-api/v3"] = speak(say(first, both, deposit, first))
    balances: dict[Asset, Balance] = {}
    seen: set[Decimal] = set()
    async with following(account) as events:
        async for event in events:
            if isinstance(event, dict):
                balances |= event
                seen.add(balances[Asset("USDT")].free)
                if balances[Asset("USDT")].free == Decimal("9974.29427801") and Asset("BTC") in balances:
                    break
    assert balances == {
        Asset("USDT"): Balance(free=Decimal("9974.29427801"), locked=Decimal("25.70572200")),
        Asset("BTC"): Balance(free=Decimal("0.12355668"), locked=Decimal("0.00042")),
    }
    assert seen == {Decimal("9974.29427801"), Decimal("10074.29427801")}


async def test_a_burst_that_ends_in_a_cut_is_read_to_its_end_before_the_loss(
    scripted: Any, account: Account, recorded: Any
) -> None:
    reports = [
        {**recorded("user_stream")[2], "t": trade_id, "c": NAME}  # one trade after the other
        for trade_id in range(100, 400)
    ]
    scripted.answers["GET /ws-api/v3"] = speak(say(*reports, then_wait=False))
    fills: list[Fill] = []

    async def follow() -> None:
        async with following(account) as events:
            async for event in events:
                if isinstance(event, Fill):
                    fills.append(event)  # noqa: PERF401 -- a comprehension would keep nothing of what it read

    with pytest.raises(StreamLost):
        await follow()
    assert [int(fill.trade_id) for fill in fills] == list(range(100, 400))


async def lose(socket: web.WebSocketResponse) -> None:
    transport = socket._req.transport if socket._req is not None else None
    assert transport is not None
    transport.abort()


async def hang_up(socket: web.WebSocketResponse) -> None:
    await socket.close()


async def talk_nonsense(socket: web.WebSocketResponse) -> None:
    await socket.send_str('{"subscriptionId": 0, "event": {"e": "executionReport", "x": ')
    await socket.receive()


UNREADABLE = {"e": "executionReport", "s": "BTCUSDT", "x": "NEW", "X": "LOST", "S": "BUY", "i": 1, "q": "1", "p": "1"}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lose, id="cut"),
        pytest.param(hang_up, id="closed"),
        pytest.param(say({"e": "eventStreamTerminated", "E": 1}), id="ended by the venue"),
        pytest.param(say(UNREADABLE), id="an order in no state that we know"),
        pytest.param(talk_nonsense, id="half a JSON"),
    ],
)
async def test_a_stream_that_cannot_go_on_says_so(scripted: Any, account: Account, script: Script) -> None:
    scripted.answers["GET /ws-api/v3"] = speak(script)
    async with following(account) as events:
        assert isinstance(await anext(events), StreamOpened)
        with pytest.raises(StreamLost):
            await anext(events)


async def test_a_stream_that_was_refused_never_opened(scripted: Any, account: Account) -> None:
    refusal = {"id": "1", "status": 401, "error": {"code": -2015, "msg": "Invalid API-key, IP, or permissions."}}
    scripted.answers["GET /ws-api/v3"] = speak(say(), reply=refusal)
    async with following(account) as events:
        with pytest.raises(StreamLost, match="-2015"):
            await anext(events)


async def test_a_lost_stream_can_be_followed_anew(scripted: Any, account: Account, recorded: Any) -> None:
    scripted.answers["GET /ws-api/v3"] = speak(lose)
    for _ in range(3):
        async with following(account) as events:
            assert isinstance(await anext(events), StreamOpened)
            with pytest.raises(StreamLost):
                await anext(events)
    scripted.answers["GET /ws-api/v3"] = speak(say(recorded("user_stream")[0]))
    async with following(account) as events:
        assert isinstance(await anext(events), StreamOpened)
        assert isinstance(await anext(events), VenueOrder)


async def test_a_socket_that_answers_no_pings_is_lost(scripted: Any, venue: Venue, account: Account) -> None:
    async def respond(request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        asked = json.loads((await socket.receive()).data)
        await socket.send_json({"id": asked["id"], "status": 200, "result": {"subscriptionId": 0}})
        while (await socket.receive()).type is WSMsgType.PING:
            pass
        return socket

    scripted.answers["GET /ws-api/v3"] = respond
    venue._client.streaming["keepAlive"] = 20
    async with following(account) as events:
        assert isinstance(await anext(events), StreamOpened)
        with pytest.raises(StreamLost):
            await anext(events)


async def test_no_venue_there_is_a_lost_stream(scripted: Any, account: Account) -> None:
    await scripted.stop()
    async with following(account) as events:
        with pytest.raises(StreamLost):
            await anext(events)


async def test_leaving_a_stream_closes_its_connection(scripted: Any, account: Account) -> None:
    closed = asyncio.Event()

    async def until_closed(socket: web.WebSocketResponse) -> None:
        message = await socket.receive()
        assert message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED}
        closed.set()

    scripted.answers["GET /ws-api/v3"] = speak(until_closed)
    async with following(account) as events:
        await anext(events)
    async with asyncio.timeout(2):
        await closed.wait()
