"""Order lists over REST and the WebSocket API: one cancels the other, in both generations of the call."""

from paper.endpoints import Access, Endpoint, Methods, Routes
from paper.errors import UNKNOWN_ORDER, Refused
from paper.filters import NewOrder
from paper.order_form import need_one, read_client_id, read_order, response_detail
from paper.orders import CONDITIONAL, STOPS, OrderList, OrderType
from paper.payloads import Json, list_cancelled, list_status, order_placed
from paper.requests import Request, period
from paper.venue import Venue, Which

_FIELDS = ("ClientOrderId", "Price", "StopPrice", "TrailingDelta", "TimeInForce", "IcebergQty")
_SHARED = ("symbol", "side", "quantity", "selfTradePreventionMode")


class ListDesk:
    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def routes(self) -> Routes:
        trade, signed = Access.TRADE, Access.SIGNED
        return {
            ("POST", "/api/v3/order/oco"): Endpoint(self.place_old, trade, orders=2, changes=True),
            ("POST", "/api/v3/orderList/oco"): Endpoint(self.place, trade, orders=2, changes=True),
            ("DELETE", "/api/v3/orderList"): Endpoint(self.cancel, trade, changes=True),
            ("GET", "/api/v3/orderList"): Endpoint(self.query, signed, weight=4),
            ("GET", "/api/v3/openOrderList"): Endpoint(self.open_lists, signed, weight=6),
            ("GET", "/api/v3/allOrderList"): Endpoint(self.all_lists, signed, weight=20),
        }

    def methods(self) -> Methods:
        routes = self.routes()
        return {
            "orderList.place": routes["POST", "/api/v3/order/oco"],
            "orderList.place.oco": routes["POST", "/api/v3/orderList/oco"],
            "orderList.cancel": routes["DELETE", "/api/v3/orderList"],
            "orderList.status": routes["GET", "/api/v3/orderList"],
            "openOrderLists.status": routes["GET", "/api/v3/openOrderList"],
            "allOrderLists": routes["GET", "/api/v3/allOrderList"],
        }

    def place(self, request: Request) -> Json:
        above, below = _leg(request, "above"), _leg(request, "below")
        _check_types(above, below)
        return self._place(request, above, below)

    def place_old(self, request: Request) -> Json:
        """The older call knows a limit order and a stop order, and which is above follows from the side."""
        shared = _shared(request)
        request.text("price")
        need_one(request, "stopPrice", "trailingDelta")
        stop_limit = request.params.get("stopLimitPrice", "")
        limit = read_order(
            request.derived(
                shared
                | {
                    "type": "LIMIT_MAKER",
                    "price": request.params["price"],
                    "newClientOrderId": request.params.get("limitClientOrderId", ""),
                    "icebergQty": request.params.get("limitIcebergQty", ""),
                }
            )
        )
        stop = read_order(
            request.derived(
                shared
                | {
                    "type": "STOP_LOSS_LIMIT" if stop_limit else "STOP_LOSS",
                    "price": stop_limit,
                    "timeInForce": request.params.get("stopLimitTimeInForce", ""),
                    "stopPrice": request.params.get("stopPrice", ""),
                    "trailingDelta": request.params.get("trailingDelta", ""),
                    "newClientOrderId": request.params.get("stopClientOrderId", ""),
                    "icebergQty": request.params.get("stopIcebergQty", ""),
                }
            )
        )
        above, below = (stop, limit) if limit.buy else (limit, stop)
        return self._place(request, above, below)

    def cancel(self, request: Request) -> Json:
        order_list = self._find(request, "listClientOrderId")
        if order_list is None or not self._venue.state.is_executing(order_list):
            raise Refused(-2011, UNKNOWN_ORDER)
        state = self._venue.state
        leg = next(order_id for order_id in order_list.orders if state.orders[order_id].is_open)
        cancel_id = read_client_id(request, "newClientOrderId")
        self._venue.cancel(request.account, Which(order_list.symbol, leg), request.now, cancel_id=cancel_id)
        return list_cancelled(state, order_list)

    def query(self, request: Request) -> Json:
        order_list = self._find(request, "origClientOrderId")
        if order_list is None:
            raise Refused(-2018, "Order list does not exist.")
        return self._status(order_list)

    def open_lists(self, request: Request) -> list[Json]:
        executing = self._venue.state.is_executing
        return [self._status(known) for known in request.account.lists.values() if executing(known)]

    def all_lists(self, request: Request) -> list[Json]:
        first, (start, end) = request.optional_integer("fromId"), period(request)
        chosen = [
            known
            for known in request.account.lists.values()
            if (first is None or known.id >= first)
            and (start is None or known.placed_at >= start)
            and (end is None or known.placed_at <= end)
        ]
        limit = request.limit(500, 1000)
        from_oldest = first is not None or start is not None
        return [self._status(known) for known in (chosen[:limit] if from_oldest else chosen[-limit:])]

    def _place(self, request: Request, above: NewOrder, below: NewOrder) -> Json:
        name = read_client_id(request, "listClientOrderId")
        detail = response_detail(request, OrderType.LIMIT)
        order_list = self._venue.place_oco(request.account, name, above, below, request.now)
        account = request.account
        orders = [account.orders[order_id] for order_id in order_list.orders]
        reports = [order_placed(order, detail, account.trades_of.get(order.id, [])) for order in orders]
        return list_status(order_list, orders) | {"orderReports": reports}

    def _find(self, request: Request, name: str) -> OrderList | None:
        number, wanted = request.optional_integer("orderListId"), request.params.get(name, "")
        need_one(request, "orderListId", name)
        if number is not None:
            found = request.account.lists.get(number)
            return found if found is not None and wanted in {"", found.client_id} else None
        named = [known for known in request.account.lists.values() if known.client_id == wanted]
        return named[-1] if named else None

    def _status(self, order_list: OrderList) -> Json:
        return list_status(order_list, [self._venue.state.orders[order_id] for order_id in order_list.orders])


def _shared(request: Request) -> dict[str, str]:
    return {name: request.params[name] for name in _SHARED if name in request.params}


def _leg(request: Request, place: str) -> NewOrder:
    """One leg of the newer call, whose parameters are those of an order with the leg's place in front."""
    params = _shared(request) | {"type": request.text(f"{place}Type")}
    for field in _FIELDS:
        value = request.params.get(place + field)
        if value:
            params["newClientOrderId" if field == "ClientOrderId" else field[0].lower() + field[1:]] = value
    return read_order(request.derived(params))


def _check_types(above: NewOrder, below: NewOrder) -> None:
    if above.type not in CONDITIONAL and below.type not in CONDITIONAL:
        raise Refused(-1168, "At least one OCO order must be contingent.")
    for leg, is_above in ((above, True), (below, False)):
        if leg.type not in (*CONDITIONAL, OrderType.LIMIT_MAKER):
            raise Refused(-1158, "Order type not supported in OCO.")
        # What must be above for a sale must be below for a purchase: limits and profits on the far side, stops on the
        # near one.
        belongs_above = (leg.type in STOPS) == leg.buy
        if is_above != belongs_above:
            raise _misplaced(leg, belongs_above=belongs_above)


def _misplaced(leg: NewOrder, *, belongs_above: bool) -> Refused:
    side, place = ("buy" if leg.buy else "sell"), ("above" if belongs_above else "below")
    if leg.type is OrderType.LIMIT_MAKER:
        return Refused(-1165 if leg.buy else -1166, f"A limit order in a {side} OCO must be {place}.")
    if leg.type in STOPS:
        return Refused(-1196 if leg.buy else -1197, f"A stop loss order in a {side} OCO must be {place}.")
    return Refused(-1198 if leg.buy else -1199, f"A take profit order in a {side} OCO must be {place}.")
