"""Orders as they are written down in a request: read, and checked for what belongs to them and what does not."""

import re

from paper.errors import Refused, illegal, invalid, not_required, rejected
from paper.filters import NewOrder
from paper.orders import CONDITIONAL, PRICELESS, OrderType, Status, TimeInForce
from paper.payloads import NO_PREVENTION
from paper.requests import Request
from paper.venue import Which

_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
_CLIENT_ID_LEGAL = "^[a-zA-Z0-9-_]{1,36}$"
_DETAILS = ("ACK", "RESULT", "FULL")


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
    if request.amount("icebergQty"):
        raise rejected("Iceberg orders are not supported for this symbol.")
    if request.params.get("selfTradePreventionMode", NO_PREVENTION) != NO_PREVENTION:
        raise invalid("selfTradePreventionMode")
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
        need_one(request, "quantity", "quoteOrderQty")
        needed.clear()
        unknown.remove("quoteOrderQty")
        if new.quantity and new.quote_quantity:
            raise not_required("quoteOrderQty")
    if new.type in CONDITIONAL:
        need_one(request, "stopPrice", "trailingDelta")
    else:
        unknown |= {"stopPrice", "trailingDelta"}
    for name in sorted(needed):
        request.text(name)
    for name in sorted(unknown):
        if request.params.get(name):
            raise not_required(name)


def need_one(request: Request, *names: str) -> None:
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
        raise invalid("newOrderRespType")
    return detail


def which_order(request: Request, number: str = "orderId", name: str = "origClientOrderId") -> Which:
    symbol, order_id = request.text("symbol"), request.optional_integer(number)
    if order_id is None:
        need_one(request, name, number)
    return Which(symbol, order_id, request.params.get(name, ""))


def read_restriction(request: Request) -> Status | None:
    """In which status an order has to be for its cancellation."""
    restriction = request.params.get("cancelRestrictions")
    if not restriction:
        return None
    if restriction not in {"ONLY_NEW", "ONLY_PARTIALLY_FILLED"}:
        raise Refused(-1145, "Invalid cancelRestrictions")
    return Status(restriction.removeprefix("ONLY_"))
