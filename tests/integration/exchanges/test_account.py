import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from aiohttp import web

from exchanges.port import Account, ApiKey, KeyRights
from exchanges.venues import Venue
from trading.ids import ClientOrderId, RunId, Slot, Symbol, TradeId, VenueOrderId
from trading.orders import ApprovedOrder, OrderKind, OrderState, Purpose, Side

NAME = ClientOrderId("tfabcdefghijklmnopqrstuvwxyz2345")
BTC_USDT = Symbol("BTC/USDT")
Recorded = Callable[[str], Any]


AN_ORDER = ApprovedOrder(
    client_order_id=NAME,
    run=RunId("run"),
    slot=Slot("B:1"),
    cycle=1,
    attempt=1,
    symbol=BTC_USDT,
    side=Side.BUY,
    kind=OrderKind.LIMIT,
    quantity=Decimal("0.00042000"),
    price=Decimal("61204.1"),
    purpose=Purpose.ENTRY,
    reason="dip",
)


async def test_a_limit_order_is_sent_as_approved(
    scripted: Any, account: Account, recorded: Callable[[str], Any]
) -> None:
    scripted.answer("POST /order", recorded("order_placed"))
    signed_at = datetime.now(UTC) - timedelta(seconds=1)
    placed = await account.place(AN_ORDER, signed_at)
    sent = scripted.received[-1].params
    assert (placed.client_order_id, placed.state) == (NAME, OrderState.OPEN)
    signature = sent.pop("signature")
    assert len(signature) == 64
    assert sent == {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "newClientOrderId": NAME,
        "newOrderRespType": "FULL",
        "quantity": "0.00042",
        "price": "61204.1",
        "timestamp": str(int(signed_at.timestamp()) * 1000 + signed_at.microsecond // 1000),
        "recvWindow": "3000",
    }


@pytest.mark.parametrize(
    ("kind", "price", "expected"),
    [
        (OrderKind.MARKET, None, {"type": "MARKET", "quantity": "0.00042"}),
        (OrderKind.LIMIT_MAKER, Decimal("1E+2"), {"type": "LIMIT_MAKER", "quantity": "0.00042", "price": "100"}),
    ],
)
async def test_each_kind_is_sent_as_the_venue_names_it(
    scripted: Any,
    account: Account,
    recorded: Recorded,
    kind: OrderKind,
    price: Decimal | None,
    expected: dict[str, str],
) -> None:
    scripted.answer("POST /order", recorded("order_placed"))
    await account.place(msgspec.structs.replace(AN_ORDER, kind=kind, price=price), datetime.now(UTC))
    sent = scripted.received[-1].params
    assert expected == {name: sent[name] for name in ("type", "quantity", "price") if name in sent}
    assert ("timeInForce" in sent) == (kind is OrderKind.LIMIT)


async def test_many_orders_at_once_keep_their_own_signing_times(
    scripted: Any, account: Account, recorded: Recorded
) -> None:
    scripted.answer("POST /order", recorded("order_placed"))
    now = datetime.now(UTC).replace(microsecond=0)
    times = [now + timedelta(milliseconds=n) for n in range(20)]
    await asyncio.gather(*(account.place(AN_ORDER, at) for at in times))
    sent = {int(each.params["timestamp"]) for each in scripted.received if each.method == "POST"}
    assert sent == {int(now.timestamp()) * 1000 + n for n in range(20)}


async def test_other_requests_are_signed_with_the_venues_time(
    scripted: Any, venue: Venue, account: Account, recorded: Recorded
) -> None:
    scripted.answer("GET /time", {"serverTime": int(time.time() * 1000) + 3_600_000})
    scripted.answer("GET /account", recorded("account"))
    await (await venue.public()).clock_offset_ms()
    await account.balances()
    assert abs(int(scripted.received[-1].params["timestamp"]) - time.time() * 1000 - 3_600_000) < 1_000


async def test_orders_are_asked_for_and_cancelled_by_our_own_name(
    scripted: Any, account: Account, recorded: Recorded
) -> None:
    scripted.answer("GET /order", recorded("orders_queried")[1])
    scripted.answer("DELETE /order", {**recorded("orders_queried")[3], "origClientOrderId": NAME})
    scripted.answer("GET /openOrders", recorded("orders_queried")[:2])
    found = await account.find(BTC_USDT, NAME)
    assert found is not None
    assert found.state is OrderState.PARTIALLY_FILLED
    await account.cancel(BTC_USDT, NAME)
    assert [order.client_order_id for order in await account.open_orders(BTC_USDT)] == [NAME, NAME]
    names = [each.params.get("origClientOrderId") for each in scripted.received if each.path.endswith("/order")]
    assert names == [NAME, NAME]


async def test_fills_are_read_to_the_last_page_in_the_order_of_their_ids(
    scripted: Any, account: Account, recorded: Recorded
) -> None:
    trade = recorded("trades")[0]

    async def list_trades(request: web.Request) -> web.StreamResponse:
        first, size = int(request.query["fromId"]), int(request.query["limit"])
        return web.json_response([{**trade, "id": each} for each in range(first, min(first + size, 2500))][::-1])

    scripted.answers["GET /myTrades"] = list_trades
    fills = await account.fills_since(BTC_USDT, TradeId("7"))
    assert [int(fill.trade_id) for fill in fills] == list(range(8, 2500))
    assert [each.params["fromId"] for each in scripted.received if "fromId" in each.params] == ["8", "1008", "2008"]
    assert len(await account.fills_since(BTC_USDT, None)) == 2500


async def test_the_fills_of_one_order(scripted: Any, account: Account, recorded: Recorded) -> None:
    scripted.answer("GET /myTrades", recorded("trades"))
    fills = await account.order_fills(BTC_USDT, VenueOrderId("28"))
    assert [fill.trade_id for fill in fills] == ["9", "10"]
    assert scripted.received[-1].params["orderId"] == "28"


async def test_accounts_do_not_share_what_is_theirs(scripted: Any, venue: Venue, recorded: Recorded) -> None:
    scripted.answer("GET /account", recorded("account"), headers={"Set-Cookie": "session=1"})
    first, second = await venue.account(ApiKey("first", "a")), await venue.account(ApiKey("second", "b"))
    await first.balances()
    await second.balances()
    assert scripted.received[-1].cookies == {}
    assert [each.path for each in scripted.received].count("/api/v3/exchangeInfo") == 1
    assert first._client.options is not second._client.options  # type: ignore[attr-defined]
    assert len({each.text for each in scripted.received if each.path.endswith("/account")}) == 2


@pytest.mark.parametrize("way_out", ["enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer"])
async def test_a_key_that_can_move_money_out_in_any_way_can_withdraw(
    scripted: Any, account: Account, way_out: str
) -> None:
    restrictions = {"ipRestrict": False, "enableSpotAndMarginTrading": True, way_out: True}
    scripted.answer("GET /sapi/v1/account/apiRestrictions", restrictions)
    assert await account.key_rights() == KeyRights(trade=True, withdraw=True, address_bound=False)


async def test_a_way_out_that_is_not_mentioned_is_not_known_to_be_shut(scripted: Any, account: Account) -> None:
    restrictions = {"ipRestrict": True, "enableSpotAndMarginTrading": True, "enableWithdrawals": False}
    scripted.answer("GET /sapi/v1/account/apiRestrictions", restrictions)
    assert await account.key_rights() == KeyRights(trade=True, withdraw=None, address_bound=True)


async def test_a_venue_that_does_not_say_leaves_a_keys_rights_unknown(scripted: Any, account: Account) -> None:
    scripted.answer("GET /sapi/v1/account/apiRestrictions", {"code": -1100, "msg": "No such call."}, status=404)
    assert await account.key_rights() == KeyRights()
