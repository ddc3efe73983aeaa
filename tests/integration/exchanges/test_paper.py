"""The adapter against the paper exchange: the whole way, on real sockets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import msgspec
import pytest

from exchanges.errors import KeyRefused, OrderNotFound, OrderRefused, OutcomeUnknown, StreamLost
from exchanges.port import Account, ApiKey, KeyRights, PublicMarket, StreamOpened, UserEvent, VenueAddress, VenueOrder
from exchanges.venues import Venue
from paper.server import PaperExchange
from paper.settings import PaperSettings
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, RunId, Slot, Symbol, client_order_id
from trading.instruments import fit_price
from trading.market import Quote
from trading.orders import ApprovedOrder, OrderKind, OrderState, Purpose, Side

pytestmark = pytest.mark.slow

BTC_USDT = Symbol("BTC/USDT")


@pytest.fixture
async def exchange() -> AsyncIterator[PaperExchange]:
    exchange = PaperExchange(PaperSettings())
    await exchange.start()
    yield exchange
    await exchange.stop()


@pytest.fixture
async def venue(exchange: PaperExchange) -> AsyncIterator[Venue]:
    address = VenueAddress(name="paper", ccxt_id="binance", rest_url=exchange.rest_url, stream_url=exchange.stream_url)
    venue = Venue(address)
    yield venue
    await venue.close()


async def administer(exchange: PaperExchange, path: str, body: object) -> Any:
    headers = {"Authorization": f"Bearer {exchange.admin_token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{exchange.rest_url}/_paper/{path}", json=body) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.fixture
async def key(exchange: PaperExchange) -> ApiKey:
    opened = await administer(exchange, "accounts", {"balances": {"USDT": "100000", "BTC": "2"}})
    return ApiKey(opened["accounts"][0]["api_key"], opened["accounts"][0]["secret"])


@pytest.fixture
async def account(venue: Venue, key: ApiKey) -> Account:
    return await venue.account(key)


@pytest.fixture
async def market(venue: Venue) -> PublicMarket:
    return await venue.public()


def an_order(slot: str, **changes: Any) -> ApprovedOrder:
    order = ApprovedOrder(
        client_order_id=client_order_id(RunId("run"), Slot(slot), 1, 1),
        run=RunId("run"),
        slot=Slot(slot),
        cycle=1,
        attempt=1,
        symbol=BTC_USDT,
        side=Side.BUY,
        kind=OrderKind.MARKET,
        quantity=Decimal("0.01"),
        price=None,
        purpose=Purpose.ENTRY,
        reason="",
    )
    return msgspec.structs.replace(order, **changes)


async def resting(market: PublicMarket, slot: str) -> ApprovedOrder:
    (quote,) = await market.quotes([BTC_USDT])
    instrument = (await market.instruments())[BTC_USDT]
    price = fit_price(instrument, Side.BUY, quote.bid * Decimal("0.9"))
    return an_order(slot, kind=OrderKind.LIMIT, price=price)


async def test_an_order_rests_is_found_and_cancelled(market: PublicMarket, account: Account) -> None:
    order = await resting(market, "B:1")
    placed = await account.place(order, datetime.now(UTC))
    assert (placed.client_order_id, placed.state, placed.price) == (
        order.client_order_id,
        OrderState.OPEN,
        order.price,
    )
    assert await account.find(BTC_USDT, order.client_order_id) == msgspec.structs.replace(
        placed, updated_at=(await account.open_orders(BTC_USDT))[0].updated_at
    )
    with pytest.raises(OutcomeUnknown, match="Duplicate"):
        await account.place(order, datetime.now(UTC))
    await account.cancel(BTC_USDT, order.client_order_id)
    with pytest.raises(OrderNotFound):
        await account.cancel(BTC_USDT, order.client_order_id)
    assert await account.open_orders(BTC_USDT) == []
    assert await account.find(BTC_USDT, ClientOrderId("tf" + "x" * 30)) is None


async def test_what_is_refused_does_not_exist(market: PublicMarket, account: Account) -> None:
    order = msgspec.structs.replace(await resting(market, "B:2"), quantity=Decimal(2))
    with pytest.raises(OrderRefused, match="insufficient balance"):
        await account.place(order, datetime.now(UTC))
    assert await account.find(BTC_USDT, order.client_order_id) is None


async def test_the_books_balance_to_the_last_digit(account: Account) -> None:
    before = await account.balances()
    for n in range(3):
        await account.place(an_order(f"B:{n}"), datetime.now(UTC))
    await account.place(an_order("S:1", side=Side.SELL, quantity=Decimal("0.02")), datetime.now(UTC))
    fills = await account.fills_since(BTC_USDT, None)
    after = await account.balances()
    change = {Asset("BTC"): Decimal(0), Asset("USDT"): Decimal(0)}
    for fill in fills:
        sign = 1 if fill.side is Side.BUY else -1
        change[Asset("BTC")] += sign * fill.quantity
        change[Asset("USDT")] -= sign * fill.quote
        change[fill.fee_asset] -= fill.fee
    assert {asset: after[asset].total - before[asset].total for asset in change} == change
    assert list(await account.fills_since(BTC_USDT, fills[1].trade_id)) == list(fills[2:])
    assert [fill.trade_id for fill in await account.order_fills(BTC_USDT, fills[0].venue_order_id)] == [
        fill.trade_id for fill in fills if fill.venue_order_id == fills[0].venue_order_id
    ]


async def test_the_stream_tells_the_same_as_asking(market: PublicMarket, account: Account) -> None:
    events = account.user_events()
    assert isinstance(await anext(events), StreamOpened)
    order = await resting(market, "B:1")
    await account.place(order, datetime.now(UTC))
    await account.cancel(BTC_USDT, order.client_order_id)
    await account.place(an_order("B:2", quantity=Decimal("0.5")), datetime.now(UTC))
    await account.place(an_order("S:2", side=Side.SELL, quantity=Decimal("0.5")), datetime.now(UTC))
    last = client_order_id(RunId("run"), Slot("S:2"), 1, 1)
    told: list[UserEvent] = []
    async with asyncio.timeout(5):
        async for event in events:
            told.append(event)
            if isinstance(event, VenueOrder) and (event.client_order_id, event.state) == (last, OrderState.FILLED):
                break
    await events.aclose()  # type: ignore[attr-defined]
    streamed = [event for event in told if isinstance(event, Fill)]
    asked = await account.fills_since(BTC_USDT, None)
    assert [msgspec.structs.replace(fill, client_order_id=None) for fill in streamed] == list(asked)
    assert {fill.client_order_id for fill in streamed} == {client_order_id(RunId("run"), Slot("B:2"), 1, 1), last}
    states = [e.state for e in told if isinstance(e, VenueOrder) and e.client_order_id == order.client_order_id]
    assert states == [OrderState.OPEN, OrderState.CANCELLED]


async def test_a_stream_ends_with_the_venue(exchange: PaperExchange, account: Account) -> None:
    events = account.user_events()
    await anext(events)
    await exchange.stop()
    with pytest.raises(StreamLost):
        await anext(events)


@pytest.mark.parametrize("withdraw", [True, False])
@pytest.mark.parametrize("addresses", [["127.0.0.1"], []])
async def test_a_key_is_attested(exchange: PaperExchange, venue: Venue, withdraw: bool, addresses: list[str]) -> None:
    wish = {"withdraw": withdraw, "addresses": addresses}
    opened = (await administer(exchange, "accounts", {"key": wish}))["accounts"][0]
    account = await venue.account(ApiKey(opened["api_key"], opened["secret"]))
    assert await account.key_rights() == KeyRights(trade=True, withdraw=withdraw, address_bound=bool(addresses))


async def test_a_wrong_secret_is_the_keys_fault(venue: Venue, key: ApiKey) -> None:
    stranger = await venue.account(ApiKey(key.key, "wrong"))
    with pytest.raises(KeyRefused):
        await stranger.balances()
    events = stranger.user_events()
    with pytest.raises(StreamLost, match="-1022"):
        await anext(events)


async def test_the_market_is_seen_live(market: PublicMarket) -> None:
    symbols = [BTC_USDT, Symbol("ETH/USDT")]
    assert [quote.symbol for quote in await market.quotes(symbols)] == symbols
    assert abs(await market.clock_offset_ms()) < 1_000
    seen: dict[Symbol, Quote] = {}
    quotes = market.quote_stream(symbols)
    async with asyncio.timeout(5):
        async for quote in quotes:
            assert quote.sound
            seen[quote.symbol] = quote
            if len(seen) == 2:
                break
    await quotes.aclose()  # type: ignore[attr-defined]
    candles = await market.candles(BTC_USDT, "1m", None, 5)
    assert all(candle.low <= candle.close <= candle.high for candle in candles)
