"""Three clients that nobody here wrote, behind the one set of actions that a trading day is made of.

Each action takes the venue's own parameters; how they get there is the client's affair.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, Protocol

import ccxt.pro
from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketAPI
from binance_common.errors import ClientError as SdkRefusal
from binance_common.errors import Error as SdkError
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.websocket_api.models import ExecutionReport

from paper.server import PaperExchange

Balances = dict[str, tuple[Decimal, Decimal]]
Heard = list[tuple[str, str, str]]
MARKET, UNIFIED = "BTCUSDT", "BTC/USDT"


class Trader(Protocol):
    heard: Heard
    """Order events as they came: the order's name, what happened, and its status after."""

    async def open(self) -> None: ...
    async def place(self, **order: str) -> str: ...
    async def cancel(self, name: str) -> None: ...
    async def replace(self, name: str, **order: str) -> None: ...
    async def oco(self, **orders: str) -> None: ...
    async def oco_old(self, **orders: str) -> None: ...
    async def refusal(self, action: Awaitable[object]) -> int: ...
    async def balances(self) -> Balances: ...
    async def orders(self) -> list[tuple[str, str, Decimal]]: ...
    async def open_orders(self) -> list[str]: ...
    async def trades(self) -> list[tuple[int, Decimal, Decimal, Decimal, str, bool]]: ...
    async def close(self) -> None: ...


class CcxtTrader:
    """ccxt, over REST; its events by ccxt.pro."""

    def __init__(self, exchange: PaperExchange, key: dict[str, Any]) -> None:
        self.heard: Heard = []
        self._client = ccxt.pro.binance({"apiKey": key["api_key"], "secret": key["secret"]})
        self._client.enableLastJsonResponse = True
        self._client.enableRateLimit = False
        addresses = self._client.urls["api"]
        addresses |= {
            name: exchange.rest_url + re.sub(r"https://[^/]+", "", address)
            for name, address in addresses.items()
            if isinstance(address, str)
        }
        addresses["ws"]["ws-api"]["spot"] = exchange.stream_url + "/ws-api/v3"
        self._listening: asyncio.Task[Any] | None = None

    async def open(self) -> None:
        await self._client.load_markets()
        handle = self._client.handle_order_update

        def listen(socket: Any, event: dict[str, Any]) -> None:
            self.heard.append((event["C"] or event["c"], event["x"], event["X"]))
            handle(socket, event)

        self._client.handle_order_update = listen
        self._listening = asyncio.ensure_future(self._client.watch_orders())

    async def place(self, **order: str) -> str:
        params: dict[str, Any] = {"clientOrderId": order["newClientOrderId"], "newOrderRespType": "FULL"}
        for name in ("timeInForce", "stopPrice", "trailingDelta", "quoteOrderQty"):
            if name in order:
                params[name] = order[name]
        amount = float(order["quantity"]) if "quantity" in order else None
        price = float(order["price"]) if "price" in order else None
        placed = await self._client.create_order(
            UNIFIED, order["type"].lower(), order["side"].lower(), amount, price, params
        )
        return str(placed["info"]["status"])

    async def cancel(self, name: str) -> None:
        await self._client.cancel_order(None, UNIFIED, {"origClientOrderId": name})

    async def replace(self, name: str, **order: str) -> None:
        await self._client.private_post_order_cancelreplace(
            {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": name, "symbol": MARKET} | order
        )

    async def oco(self, **orders: str) -> None:
        await self._client.private_post_orderlist_oco({"symbol": MARKET} | orders)

    async def oco_old(self, **orders: str) -> None:
        await self._client.private_post_order_oco({"symbol": MARKET} | orders)

    async def refusal(self, action: Awaitable[object]) -> int:
        try:
            await action
        except ccxt.BaseError as error:
            # What ccxt knows by its words, it tells without its code.
            code = re.search(r'"code":(-\d+)', str(error))
            body = self._client.last_json_response
            return int(code[1]) if code else int(body["code"])
        raise AssertionError("it was not refused")

    async def balances(self) -> Balances:
        balance = await self._client.fetch_balance()
        return {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in balance["info"]["balances"]}

    async def orders(self) -> list[tuple[str, str, Decimal]]:
        orders = await self._client.fetch_orders(UNIFIED)
        return [(o["clientOrderId"], o["info"]["status"], Decimal(o["info"]["executedQty"])) for o in orders]

    async def open_orders(self) -> list[str]:
        return [order["clientOrderId"] for order in await self._client.fetch_open_orders(UNIFIED)]

    async def trades(self) -> list[tuple[int, Decimal, Decimal, Decimal, str, bool]]:
        return [_trade(trade["info"]) for trade in await self._client.fetch_my_trades(UNIFIED)]

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._client.close()


class PythonBinanceTrader:
    def __init__(self, exchange: PaperExchange, key: dict[str, Any]) -> None:
        self.heard: Heard = []
        self._client = AsyncClient(key["api_key"], key["secret"])
        self._client.API_URL = exchange.rest_url + "/api"
        self._client.MARGIN_API_URL = exchange.rest_url + "/sapi"
        self._client.ws_api._url = exchange.stream_url + "/ws-api/v3"
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        ready = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(ready))
        await asyncio.wait_for(ready.wait(), 10)

    async def _listen(self, ready: asyncio.Event) -> None:
        async with BinanceSocketManager(self._client).user_socket() as socket:
            ready.set()
            while True:
                event = await socket.recv()
                if event and event["e"] == "executionReport":
                    self.heard.append((event["C"] or event["c"], event["x"], event["X"]))

    async def place(self, **order: str) -> str:
        placed = await self._client.create_order(symbol=MARKET, newOrderRespType="FULL", **order)
        return str(placed["status"])

    async def cancel(self, name: str) -> None:
        await self._client.cancel_order(symbol=MARKET, origClientOrderId=name)

    async def replace(self, name: str, **order: str) -> None:
        await self._client.cancel_replace_order(
            symbol=MARKET, cancelReplaceMode="STOP_ON_FAILURE", cancelOrigClientOrderId=name, **order
        )

    async def oco(self, **orders: str) -> None:
        await self._client.create_oco_order(symbol=MARKET, **orders)

    async def oco_old(self, **orders: str) -> None:
        await self._client._post("order/oco", True, data={"symbol": MARKET} | orders)

    async def refusal(self, action: Awaitable[object]) -> int:
        try:
            await action
        except BinanceAPIException as error:
            return int(error.code)
        raise AssertionError("it was not refused")

    async def balances(self) -> Balances:
        account = await self._client.get_account()
        return {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in account["balances"]}

    async def orders(self) -> list[tuple[str, str, Decimal]]:
        orders = await self._client.get_all_orders(symbol=MARKET)
        return [(o["clientOrderId"], o["status"], Decimal(o["executedQty"])) for o in orders]

    async def open_orders(self) -> list[str]:
        return [order["clientOrderId"] for order in await self._client.get_open_orders(symbol=MARKET)]

    async def trades(self) -> list[tuple[int, Decimal, Decimal, Decimal, str, bool]]:
        return [_trade(trade) for trade in await self._client.get_my_trades(symbol=MARKET)]

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        await self._client.close_connection()


class SdkTrader:
    """Binance's own connector: REST in threads, for it blocks; its events over the WebSocket API."""

    def __init__(self, exchange: PaperExchange, key: dict[str, Any]) -> None:
        self.heard: Heard = []
        secrets = {"api_key": key["api_key"], "api_secret": key["secret"]}
        self._spot = Spot(
            config_rest_api=ConfigurationRestAPI(base_path=exchange.rest_url, retries=0, timeout=5000, **secrets),
            config_ws_api=ConfigurationWebSocketAPI(stream_url=exchange.stream_url + "/ws-api/v3", **secrets),
        )
        self._rest = self._spot.rest_api
        self._connection: Any = None

    async def open(self) -> None:
        self._connection = await self._spot.websocket_api.create_connection()
        subscribed = await self._connection.user_data_stream_subscribe_signature()
        subscribed.stream.on("message", self._listen)

    def _listen(self, event: Any) -> None:
        event = event.actual_instance
        if isinstance(event, ExecutionReport):
            told = event.to_dict()
            self.heard.append((told["C"] or told["c"], told["x"], told["X"]))

    async def place(self, **order: str) -> str:
        placed = await self._do(self._rest.new_order, symbol=MARKET, newOrderRespType="FULL", **order)
        return str(placed.status)

    async def cancel(self, name: str) -> None:
        await self._do(self._rest.delete_order, symbol=MARKET, origClientOrderId=name)

    async def replace(self, name: str, **order: str) -> None:
        await self._do(
            self._rest.order_cancel_replace,
            symbol=MARKET,
            cancelReplaceMode="STOP_ON_FAILURE",
            cancelOrigClientOrderId=name,
            **order,
        )

    async def oco(self, **orders: str) -> None:
        await self._do(self._rest.order_list_oco, symbol=MARKET, **orders)

    async def oco_old(self, **orders: str) -> None:
        await self._do(self._rest.order_oco, symbol=MARKET, **orders)

    async def refusal(self, action: Awaitable[object]) -> int:
        try:
            await action
        except (SdkRefusal, SdkError) as error:
            return int(error.status_code)
        raise AssertionError("it was not refused")

    async def balances(self) -> Balances:
        account = await self._do(self._rest.get_account)
        return {row.asset: (Decimal(row.free), Decimal(row.locked)) for row in account.balances}

    async def orders(self) -> list[tuple[str, str, Decimal]]:
        orders = await self._do(self._rest.all_orders, symbol=MARKET)
        return [(o.client_order_id, o.status, Decimal(o.executed_qty)) for o in orders]

    async def open_orders(self) -> list[str]:
        return [order.client_order_id for order in await self._do(self._rest.get_open_orders, symbol=MARKET)]

    async def trades(self) -> list[tuple[int, Decimal, Decimal, Decimal, str, bool]]:
        trades = await self._do(self._rest.my_trades, symbol=MARKET)
        return [
            (t.id, Decimal(t.price), Decimal(t.qty), Decimal(t.commission), t.commission_asset, t.is_maker)
            for t in trades
        ]

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close_connection(close_session=True)

    @staticmethod
    async def _do(call: Callable[..., Any], **params: str) -> Any:
        named = {re.sub(r"([A-Z])", lambda letter: "_" + letter[1].lower(), name): v for name, v in params.items()}
        return await asyncio.to_thread(lambda: call(**named).data())


def _trade(trade: dict[str, Any]) -> tuple[int, Decimal, Decimal, Decimal, str, bool]:
    return (
        int(trade["id"]),
        Decimal(trade["price"]),
        Decimal(trade["qty"]),
        Decimal(trade["commission"]),
        trade["commissionAsset"],
        trade["isMaker"] in {True, "true"},
    )
