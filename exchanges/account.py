"""One account at one venue, over ccxt."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from exchanges.calling import ask
from exchanges.client import SIGNED_AT_MS
from exchanges.errors import OrderNotFound, OrderRefused, UnsupportedVenue
from exchanges.limits import Lane
from exchanges.line import LANE
from exchanges.payloads import parse_balances, parse_fill, parse_key_rights, parse_order
from exchanges.port import Balance, KeyRights, UserEvent, VenueOrder
from exchanges.quirks import Quirks
from exchanges.user_stream import user_events
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, Symbol, TradeId, VenueOrderId
from trading.money import plain
from trading.orders import ApprovedOrder, OrderKind, Purpose


class CcxtAccount:
    """Fulfils `exchanges.port.Account`. Sends what it is told to, once, and retries nothing."""

    def __init__(self, client: Any, quirks: Quirks) -> None:
        self._client = client
        self._quirks = quirks

    async def place(self, order: ApprovedOrder, signed_at: datetime) -> VenueOrder:
        params: dict[str, Any] = {"clientOrderId": order.client_order_id}
        if order.kind is OrderKind.LIMIT_MAKER:
            params["postOnly"] = True
        lane = Lane.CLOSE if order.purpose is Purpose.EXIT else Lane.OPEN
        with _set(LANE, lane), _set(SIGNED_AT_MS, _milliseconds(signed_at)):
            answer = await ask(
                self._client.create_order(
                    order.symbol,
                    "market" if order.kind is OrderKind.MARKET else "limit",
                    order.side.value,
                    plain(order.quantity),
                    None if order.price is None else plain(order.price),
                    params,
                )
            )
        return parse_order(answer)

    async def cancel(self, symbol: Symbol, client_order_id: ClientOrderId) -> None:
        with _set(LANE, Lane.CANCEL):
            await ask(self._client.cancel_order("", symbol, {"clientOrderId": client_order_id}))

    async def find(self, symbol: Symbol, client_order_id: ClientOrderId) -> VenueOrder | None:
        try:
            answer = await ask(self._client.fetch_order("", symbol, {"clientOrderId": client_order_id}))
        except OrderNotFound:
            return None
        return parse_order(answer)

    async def open_orders(self, symbol: Symbol) -> Sequence[VenueOrder]:
        return [parse_order(raw) for raw in await ask(self._client.fetch_open_orders(symbol))]

    async def fills_since(self, symbol: Symbol, after: TradeId | None) -> Sequence[Fill]:
        return await self._fills(symbol, {}, 0 if after is None else int(after) + 1)

    async def order_fills(self, symbol: Symbol, order: VenueOrderId) -> Sequence[Fill]:
        return await self._fills(symbol, {"orderId": order}, 0)

    async def _fills(self, symbol: Symbol, params: Mapping[str, Any], first_id: int) -> Sequence[Fill]:
        key, size = self._quirks.trade_page_key, self._quirks.trade_page_size
        if key is None:
            raise UnsupportedVenue("", f"{self._client.id} cannot list trades by id; this adapter needs that")
        fills: list[Fill] = []
        while True:
            raws = await ask(self._client.fetch_my_trades(symbol, None, size, {**params, key: first_id}))
            # ccxt sorts by time and then by the id as text, where 10 comes before 9.
            page = sorted((parse_fill(raw) for raw in raws), key=lambda fill: int(fill.trade_id))
            fills += page
            if len(page) < size:
                return fills
            first_id = int(page[-1].trade_id) + 1

    async def balances(self) -> Mapping[Asset, Balance]:
        return parse_balances(await ask(self._client.fetch_balance()))

    async def key_rights(self) -> KeyRights:
        if self._quirks.key_rights_call is None:
            return KeyRights()
        try:
            return parse_key_rights(await ask(getattr(self._client, self._quirks.key_rights_call)()))
        except OrderRefused:  # a testnet, say, that lacks the call
            return KeyRights()

    def user_events(self) -> AsyncIterator[UserEvent]:
        # A client of its own: a new stream must not find the subscriptions and caches of the one that was lost.
        return user_events(self._client.copy_with())

    async def close(self) -> None:
        await self._client.close()


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


@contextmanager
def _set(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
