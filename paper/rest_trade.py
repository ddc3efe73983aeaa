"""Orders over REST and the WebSocket API: place, query, cancel."""

from paper.endpoints import Access, Endpoint, Methods, Routes
from paper.errors import UNKNOWN_ORDER, Refused, invalid
from paper.order_form import read_client_id, read_order, read_restriction, response_detail, which_order
from paper.payloads import Json, list_cancelled, order_cancelled, order_placed, order_status
from paper.requests import Request, period
from paper.venue import Venue, Which


class TradeDesk:
    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def routes(self) -> Routes:
        trade = Access.TRADE
        return {
            ("POST", "/api/v3/order"): Endpoint(self.place, trade, weight=1, orders=1, changes=True),
            ("POST", "/api/v3/order/test"): Endpoint(self.test, trade, weight=1),
            ("POST", "/api/v3/order/cancelReplace"): Endpoint(self.replace, trade, weight=1, orders=1, changes=True),
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
            "order.cancelReplace": routes["POST", "/api/v3/order/cancelReplace"],
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
        self._venue.check(read_order(request))
        return {}

    def query(self, request: Request) -> Json:
        return order_status(self._venue.query(request.account, which_order(request)))

    def cancel(self, request: Request) -> Json:
        order = self._venue.cancel(
            request.account,
            which_order(request),
            request.now,
            cancel_id=read_client_id(request, "newClientOrderId"),
            only=read_restriction(request),
        )
        order_list = self._venue.state.lists.get(order.list_id)
        return order_cancelled(order) if order_list is None else list_cancelled(self._venue.state, order_list)

    def replace(self, request: Request) -> Json:
        """Cancel one order and place another. Each may fail alone, and the answer tells of both."""
        mode = request.text("cancelReplaceMode")
        if mode not in {"STOP_ON_FAILURE", "ALLOW_FAILURE"}:
            raise invalid("cancelReplaceMode")
        which = which_order(request, "cancelOrderId", "cancelOrigClientOrderId")
        restriction, cancel_id = read_restriction(request), read_client_id(request, "cancelNewClientOrderId")
        new = read_order(request)
        detail = response_detail(request, new.type)
        self._venue.check(new)
        data: Json = {"cancelResult": "SUCCESS", "newOrderResult": "SUCCESS"}
        failures = 0
        try:
            cancelled = self._venue.cancel(request.account, which, request.now, cancel_id=cancel_id, only=restriction)
            data["cancelResponse"] = order_cancelled(cancelled)
        except Refused as refusal:
            failures += 1
            data |= {"cancelResult": "FAILURE", "cancelResponse": refusal.body}
            if mode == "STOP_ON_FAILURE":
                data |= {"newOrderResult": "NOT_ATTEMPTED", "newOrderResponse": None}
                raise Refused(-2022, "Order cancel-replace failed.", 400, data) from None
        try:
            order = self._venue.place(request.account, new, request.now)
            data["newOrderResponse"] = order_placed(order, detail, request.account.trades_of.get(order.id, []))
        except Refused as refusal:
            failures += 1
            data |= {"newOrderResult": "FAILURE", "newOrderResponse": refusal.body}
        if failures == 2:
            raise Refused(-2022, "Order cancel-replace failed.", 400, data)
        if failures:
            raise Refused(-2021, "Order cancel-replace partially failed.", 409, data)
        return data

    def open_orders(self, request: Request) -> list[Json]:
        symbol = request.params.get("symbol")
        if symbol:
            self._venue.pit(symbol)
        orders = request.account.open_orders.values()
        return [order_status(order) for order in orders if not symbol or order.symbol == symbol]

    def cancel_all(self, request: Request) -> list[Json]:
        symbol = request.text("symbol")
        self._venue.pit(symbol)
        doomed = [order for order in request.account.open_orders.values() if order.symbol == symbol]
        if not doomed:
            raise Refused(-2011, UNKNOWN_ORDER)
        answers = []
        for order in doomed:
            if not order.is_open:
                continue  # went with another leg of its list
            self._venue.cancel(request.account, Which(symbol, order.id), request.now)
            order_list = self._venue.state.lists.get(order.list_id)
            answers.append(
                order_cancelled(order) if order_list is None else list_cancelled(self._venue.state, order_list)
            )
        return answers

    def all_orders(self, request: Request) -> list[Json]:
        symbol = request.text("symbol")
        self._venue.pit(symbol)
        first, start, end = (request.optional_integer("orderId"), *period(request))
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


def _open_orders_weight(request: Request) -> int:
    return 6 if request.params.get("symbol") else 80
