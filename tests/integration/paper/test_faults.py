"""Each thing that can go wrong at a venue, happening to a ccxt client, with the referee's record still true."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt
import pytest

from paper.limits import Limits
from paper.server import PaperExchange
from paper.settings import PaperSettings
from tests.integration.paper.administration import administer, open_account

pytestmark = pytest.mark.slow

Connect = Callable[..., Any]
PLACE = "POST /api/v3/order"


class Client:
    """A ccxt client with an account, and the operator's side of the venue it trades at."""

    def __init__(self, exchange: PaperExchange, ccxt_client: Any, account: str) -> None:
        self.exchange = exchange
        self.ccxt = ccxt_client
        self.account = account

    async def spoil(self, **fault: Any) -> None:
        await administer(self.exchange, "POST", "faults", {"faults": [fault]})

    async def buy(self, *, kind: str = "limit", name: str = "mine") -> Any:
        price = None if kind == "market" else self.ccxt.price_to_precision("BTC/USDT", await self.bid() * 0.9)
        return await self.ccxt.create_order("BTC/USDT", kind, "buy", 0.01, price, {"clientOrderId": name})

    async def bid(self) -> float:
        return float((await self.ccxt.fetch_ticker("BTC/USDT"))["bid"])

    async def accepted(self) -> list[str]:
        orders = (await administer(self.exchange, "GET", "orders"))["orders"]
        return [order["clientOrderId"] for order in orders]

    async def recorded(self, fault: str) -> list[tuple[str, int]]:
        requests = (await administer(self.exchange, "GET", "requests"))["requests"]
        return [(request["name"], request["status"]) for request in requests if request.get("fault") == fault]


@pytest.fixture
async def client(exchange: PaperExchange, connect: Connect) -> Client:
    key = await open_account(exchange, USDT="100000")
    ccxt_client = connect(exchange, key)
    ccxt_client.timeout = 3000
    await ccxt_client.load_markets()
    return Client(exchange, ccxt_client, key["account"])


async def test_a_lost_request_was_never_an_order(client: Client) -> None:
    await client.spoil(kind="lose_request", request=PLACE, times=1)
    with pytest.raises(ccxt.NetworkError):
        await client.buy()
    assert await client.accepted() == []
    assert await client.recorded("lose_request") == [(PLACE, 0)]
    await client.buy()


async def test_a_lost_reply_hides_an_order_that_exists(client: Client) -> None:
    await client.spoil(kind="lose_reply", request=PLACE, times=1)
    with pytest.raises(ccxt.NetworkError):
        await client.buy()
    assert await client.accepted() == ["mine"]
    found = await client.ccxt.fetch_order(None, "BTC/USDT", {"origClientOrderId": "mine"})
    assert found["status"] == "open"


@pytest.mark.parametrize(("kind", "accepted"), [("error_before", []), ("error_after", ["mine"])])
async def test_a_5xx_may_mean_either(client: Client, kind: str, accepted: list[str]) -> None:
    await client.spoil(kind=kind, request=PLACE, times=1, status=503)
    with pytest.raises(ccxt.NetworkError):
        await client.buy()
    assert await client.accepted() == accepted


@pytest.mark.parametrize(("kind", "accepted"), [("delay_request", ["mine"]), ("delay_reply", ["mine"])])
async def test_a_slow_venue_outlasts_the_clients_patience(client: Client, kind: str, accepted: list[str]) -> None:
    bid = await client.bid()
    client.ccxt.timeout = 200
    await client.spoil(kind=kind, request=PLACE, times=1, ms=400)
    price = client.ccxt.price_to_precision("BTC/USDT", bid * 0.9)
    with pytest.raises(ccxt.RequestTimeout):
        await client.ccxt.create_order("BTC/USDT", "limit", "buy", 0.01, price, {"clientOrderId": "mine"})
    assert await client.accepted() == (accepted if kind == "delay_reply" else [])


async def test_a_delayed_request_is_judged_when_it_arrives(client: Client) -> None:
    await client.spoil(kind="delay_request", request="GET /api/v3/account", times=1, ms=300)
    with pytest.raises(ccxt.InvalidNonce):
        await client.ccxt.private_get_account({"recvWindow": 200})


async def test_half_an_answer_leaves_the_client_without_an_order(client: Client) -> None:
    await client.spoil(kind="truncate", request=PLACE, times=1)
    order = await client.buy()
    assert (order["id"], order["status"]) == (None, None)
    assert await client.accepted() == ["mine"]


async def until_subscribed(client: Client) -> None:
    for _ in range(500):
        if any(connection.accounts for connection in client.exchange.connections):
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


async def watching(client: Client, watch: Callable[[], Awaitable[Any]]) -> "asyncio.Task[Any]":
    task = asyncio.ensure_future(watch())
    await until_subscribed(client)
    return task


async def test_a_dropped_socket_tells_whoever_waits_and_can_be_opened_again(client: Client) -> None:
    news = await watching(client, client.ccxt.watch_orders)
    await client.spoil(kind="drop_sockets", account=client.account, times=1)
    with pytest.raises(ccxt.NetworkError):
        await asyncio.wait_for(news, 3)
    news = await watching(client, client.ccxt.watch_orders)
    await client.buy()
    assert (await asyncio.wait_for(news, 3))[-1]["clientOrderId"] == "mine"


async def test_a_stalled_socket_stays_open_and_says_nothing(client: Client) -> None:
    news = await watching(client, client.ccxt.watch_orders)
    await client.spoil(kind="stall_sockets", account=client.account, times=1)
    await client.buy()
    done, _ = await asyncio.wait([news], timeout=0.7)
    assert not done
    socket = client.ccxt.clients[client.exchange.stream_url + "/ws-api/v3"].connection
    await asyncio.wait_for(socket.ping(b"?"), 1)
    assert not socket.closed
    assert await client.accepted() == ["mine"]
    news.cancel()


async def raw_events(client: Client, act: Callable[[], Awaitable[Any]], count: int) -> list[dict[str, Any]]:
    """The account's events as they come over the wire, before ccxt makes sense of them."""
    events: list[dict[str, Any]] = []
    enough = asyncio.Event()

    def listen(_socket: Any, message: dict[str, Any]) -> None:
        events.append(message)
        if len(events) >= count:
            enough.set()

    client.ccxt.handle_order_update = client.ccxt.handle_balance = listen
    news = await watching(client, client.ccxt.watch_orders)
    await act()
    await asyncio.wait_for(enough.wait(), 5)
    news.cancel()
    return events


ORDER, BALANCES = "executionReport", "outboundAccountPosition"


async def test_events_come_twice(client: Client) -> None:
    await client.spoil(kind="duplicate_events", account=client.account)
    events = await raw_events(client, client.buy, 4)
    assert [event["e"] for event in events] == [ORDER, ORDER, BALANCES, BALANCES]
    assert events[0] == events[1]


async def test_events_come_late(client: Client) -> None:
    await client.spoil(kind="delay_events", account=client.account, times=1, ms=300)
    events = await raw_events(client, lambda: client.buy(kind="market"), 4)
    assert [(event["e"], event.get("x")) for event in events] == [
        (BALANCES, None),
        (ORDER, "TRADE"),
        (BALANCES, None),
        (ORDER, "NEW"),
    ]


async def test_events_come_in_another_order(client: Client) -> None:
    await client.spoil(kind="reorder_events", account=client.account)
    events = await raw_events(client, lambda: client.buy(kind="market"), 4)
    assert [event["e"] for event in events] == [BALANCES, ORDER, BALANCES, ORDER]


async def test_an_order_fills_though_its_cancellation_was_confirmed(client: Client) -> None:
    order = await client.buy()
    await client.spoil(kind="fill_after_cancel", account=client.account, times=1, ms=200)
    cancelled = await client.ccxt.cancel_order(order["id"], "BTC/USDT")
    assert cancelled["status"] == "canceled"
    await asyncio.sleep(0.4)
    assert (await client.ccxt.fetch_order(order["id"], "BTC/USDT"))["status"] == "closed"
    trades = (await administer(client.exchange, "GET", "trades"))["trades"]
    assert [trade["orderId"] for trade in trades] == [int(order["id"])]
    assert (await client.ccxt.fetch_balance())["BTC"]["total"] == pytest.approx(0.01 * 0.999)


@pytest.mark.parametrize("ms", [60_000, -60_000])
async def test_a_skewed_clock_refuses_honest_timestamps(client: Client, ms: int) -> None:
    await client.spoil(kind="skew_clock", ms=ms)
    with pytest.raises(ccxt.InvalidNonce):
        await client.ccxt.fetch_balance()
    await client.ccxt.load_time_difference()
    client.ccxt.options["adjustForTimeDifference"] = True
    assert (await client.ccxt.fetch_balance())["USDT"]["free"] == 100_000


async def test_maintenance_serves_nobody_and_then_everybody(client: Client) -> None:
    news = await watching(client, client.ccxt.watch_orders)
    await client.spoil(kind="maintenance", for_s=0.5)
    with pytest.raises(ccxt.NetworkError):
        await asyncio.wait_for(news, 3)
    with pytest.raises(ccxt.BaseError):
        await client.ccxt.fetch_balance()
    await asyncio.sleep(0.6)
    assert await client.ccxt.fetch_balance()


async def test_a_halted_symbol_takes_no_orders_and_the_others_do(client: Client) -> None:
    await client.spoil(kind="halt", symbol="BTCUSDT")
    with pytest.raises(ccxt.ExchangeError, match="Market is closed"):
        await client.buy()
    assert not (await client.ccxt.load_markets(True))["BTC/USDT"]["active"]
    assert (await client.ccxt.create_order("ETH/USDT", "market", "buy", 1))["status"] == "closed"
    await administer(client.exchange, "DELETE", "faults")
    await client.buy()


async def test_too_many_requests_are_refused_then_shut_out(
    start: Callable[[PaperSettings], Awaitable[PaperExchange]], connect: Connect
) -> None:
    exchange = await start(PaperSettings(limits=Limits(weight_per_minute=60)))
    client = connect(exchange)
    client.enableRateLimit = False
    refusals = []
    for _ in range(60):
        try:
            await client.public_get_exchangeinfo()
        except ccxt.DDoSProtection as refusal:
            refusals.append(str(refusal).split()[1])
            assert int(client.last_response_headers["Retry-After"]) > 0
    assert refusals[0] == "429"
    assert refusals[-1] == "418"


async def test_one_accounts_bad_day_is_not_anothers(client: Client, connect: Connect) -> None:
    other = connect(client.exchange, await open_account(client.exchange, USDT="1000"))
    await client.spoil(kind="error_before", account=client.account)
    with pytest.raises(ccxt.NetworkError):
        await client.ccxt.fetch_balance()
    assert (await other.fetch_balance())["USDT"]["free"] == 1000


async def test_a_fault_that_cannot_be_is_refused_in_words(client: Client) -> None:
    for body in ({"kind": "gremlins"}, {"kind": "halt"}, {"kind": "lose_reply", "probability": 2}):
        with pytest.raises(AssertionError, match="error"):
            await client.spoil(**body)
