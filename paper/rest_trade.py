"""Orders over REST and the WebSocket API: place, query, cancel."""

import re

from paper.endpoints import Access, Endpoint, Methods, Routes
from paper.errors import Refused, illegal, missing, not_required
from paper.filters import NewOrder
from paper.orders import CONDITIONAL, PRICELESS, OrderType, TimeInForce
from paper.payloads import Json, order_cancelled, order_placed, order_status
from paper.requests import Request
from paper.venue import Venue, Which

_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
_CLIENT_ID_LEGAL = "^[a-zA-Z0-9-_]{1,36}$"
_DETAILS = ("ACK", "RESULT", "FULL")


class TradeDesk:
    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def routes(self) -> Routes:
        trade = Access.TRADE
        return {
            ("POST", "/api/v3/order"): Endpoint(self.place, trade, weight=1, orders=1, changes=True),
            ("POST", "/api/v3/order/test"): Endpoint(self.test, trade, weight=1),
            ("GET", "/api/v3/order"): Endpoint(self.query, Access.SIGNED, weight=4),
            ("DELETE", "/api/v3/order"): Endpoint(self.cancel, trade, weight=1, changes=True),
            ("GET", "/api/v3/openOrders"): Endpoint(self.open_orders, Access.SIGNED, weight=_open_orders_weight),
            ("DELETE", "/api/v3/openOrders"): Endpoint(self.cancel_all, trade, weight=1, changes=True),
            ("GET", "/api/v3/allOrders"): Endpoint(self.all_orders, Access.SIGNED, weight=20),
        }

    def methods(self) -> Methods:
        routes = self.routes()
        return {
            "order.place": routes["POST", "/api/v3/order"],
            "order.test": routes["POST", "/api/v3/order/test"],
            "order.status": routes["GET", "/api/v3/order"],
            "order.cancel": routes["DELETE", "/api/v3/order"],
            "openOrders.status": routes["GET", "/api/v3/openOrders"],
            "openOrders.cancelAll": routes["DELETE", "/api/v3/openOrders"],
            "allOrders": routes["GET", "/api/v3/allOrders"],
        }

    def place(self, request: Request) -> Json:
        new = read_order(request)
        detail = response_detail(request, new.type)
        order = self._venue.place(request.account, new, request.now)
        return order_placed(order, detail, request.account.trades_of.get(order.id, []))

    def test(self, request: Request) -> Json:
        self._venue.check(request.account, read_order(request))
        return {}

    def query(self, request: Request) -> Json:
        return order_status(self._venue.query(request.account, _which(request)))

    def cancel(self, request: Request) -> Json:
        cancel_id = read_client_id(request, "newClientOrderId")
        return order_cancelled(self._venue.cancel(request.account, _which(request), request.now, cancel_id))

    def open_orders(self, request: Request) -> list[Json]:
        symbol = request.params.get("symbol")
        if symbol:
            self._venue.trading(symbol)
        orders = request.account.open_orders.values()
        return [order_status(order) for order in orders if not symbol or order.symbol == symbol]

    def cancel_all(self, request: Request) -> list[Json]:
        symbol = request.text("symbol")
        self._venue.trading(symbol)
        doomed = [order for order in request.account.open_orders.values() if order.symbol == symbol]
        if not doomed:
            raise Refused(-2011, "Unknown order sent.")
        for order in doomed:
            self._venue.cancel(request.account, Which(symbol, order.id), request.now)
        return [order_cancelled(order) for order in doomed]

    def all_orders(self, request: Request) -> list[Json]:
        symbol = request.text("symbol")
        self._venue.trading(symbol)
        first, start, end = (request.optional_integer(name) for name in ("orderId", "startTime", "endTime"))
        chosen = [
            order
            for order in request.account.orders.values()
            if order.symbol == symbol
            and (first is None or order.id >= first)
            and (start is None or order.placed_at >= start)
            and (end is None or order.placed_at <= end)
        ]
        limit = request.limit(500, 1000)
        from_oldest = first is not None or start is not None
        return [order_status(order) for order in (chosen[:limit] if from_oldest else chosen[-limit:])]


def read_order(request: Request) -> NewOrder:
    """Read an order from its parameters: present where its type needs them, absent where it does not know them."""
    side = request.text("side")
    if side not in {"BUY", "SELL"}:
        raise Refused(-1117, "Invalid side.")
    try:
        kind = OrderType(request.text("type"))
    except ValueError:
        raise Refused(-1116, "Invalid orderType.") from None
    new = NewOrder(
        symbol=request.text("symbol"),
        buy=side == "BUY",
        type=kind,
        quantity=request.amount("quantity"),
        quote_quantity=request.amount("quoteOrderQty"),
        price=request.amount("price"),
        stop_price=request.amount("stopPrice"),
        trailing_delta=request.optional_integer("trailingDelta") or 0,
        client_id=read_client_id(request, "newClientOrderId"),
    )
    _check_presence(request, new)
    return new


def _check_presence(request: Request, new: NewOrder) -> None:
    takes_limit = new.type not in PRICELESS
    needed, unknown = {"quantity"}, {"quoteOrderQty"}
    (needed if takes_limit else unknown).add("price")
    if takes_limit and new.type is not OrderType.LIMIT_MAKER:
        new.time_in_force = read_time_in_force(request)
    else:
        unknown.add("timeInForce")
    if new.type is OrderType.MARKET:
        _need_one(request, "quantity", "quoteOrderQty")
        needed.clear()
        unknown.remove("quoteOrderQty")
        if new.quantity and new.quote_quantity:
            raise not_required("quoteOrderQty")
    if new.type in CONDITIONAL:
        _need_one(request, "stopPrice", "trailingDelta")
    else:
        unknown |= {"stopPrice", "trailingDelta"}
    for name in sorted(needed):
        request.text(name)
    for name in sorted(unknown):
        if request.params.get(name):
            raise not_required(name)


def _need_one(request: Request, *names: str) -> None:
    if not any(request.params.get(name) for name in names):
        either = " or ".join(f"'{name}'" for name in names)
        raise Refused(-1102, f"Param {either} must be sent, but both were empty/null!")


def read_time_in_force(request: Request, name: str = "timeInForce") -> TimeInForce:
    try:
        return TimeInForce(request.text(name))
    except ValueError:
        raise Refused(-1115, "Invalid timeInForce.") from None


def read_client_id(request: Request, name: str) -> str:
    value = request.params.get(name, "")
    if value and not _CLIENT_ID.fullmatch(value):
        raise illegal(name, _CLIENT_ID_LEGAL)
    return value


def response_detail(request: Request, kind: OrderType) -> str:
    detail = request.params.get("newOrderRespType")
    if not detail:
        return "FULL" if kind in {OrderType.LIMIT, OrderType.MARKET} else "ACK"
    if detail not in _DETAILS:
        raise missing("newOrderRespType")
    return detail


def _which(request: Request) -> Which:
    symbol, order_id = request.text("symbol"), request.optional_integer("orderId")
    client_id = request.params.get("origClientOrderId", "")
    if order_id is None:
        _need_one(request, "origClientOrderId", "orderId")
    return Which(symbol, order_id, client_id)


def _open_orders_weight(request: Request) -> int:
    return 6 if request.params.get("symbol") else 80
