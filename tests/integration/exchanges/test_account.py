from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from exchanges.port import Account
from trading.ids import ClientOrderId, RunId, Slot, Symbol
from trading.orders import ApprovedOrder, OrderKind, OrderState, Purpose, Side

NAME = ClientOrderId("tfabcdefghijklmnopqrstuvwxyz2345")
BTC_USDT = Symbol("BTC/USDT")
SIGNED_AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)


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
    placed = await account.place(AN_ORDER, SIGNED_AT)
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
        "timestamp": "1767323045678",
        "recvWindow": "3000",
    }
