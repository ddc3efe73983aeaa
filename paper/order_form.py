"""Orders as they are written down in a request: read, and checked for what belongs to them and what does not."""

import re

import msgspec

from paper.errors import Refused, illegal, invalid, missing, not_required, rejected
from paper.filters import NewOrder
from paper.orders import OrderType, Status, TimeInForce
from paper.payloads import NO_PREVENTION
from paper.requests import Request
from paper.venue import Which

_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_]{1,36}")
_CLIENT_ID_LEGAL = "^[a-zA-Z0-9-_]{1,36}$"
_DETAILS = ("ACK", "RESULT", "FULL")


class _Form(msgspec.Struct, frozen=True):
    """Which parameters belong to a type of order."""

    needed: tuple[str, ...]
    unknown: tuple[str, ...]
    one_of: tuple[tuple[str, ...], ...] = ()


_TRIGGER = ("stopPrice", "trailingDelta")
_STOP = _Form(("quantity",), ("price", "timeInForce", "quoteOrderQty"), (_TRIGGER,))
_STOP_LIMIT = _Form(("timeInForce", "quantity", "price"), ("quoteOrderQty",), (_TRIGGER,))
_FORMS = {
    OrderType.LIMIT: _Form(("timeInForce", "quantity", "price"), ("quoteOrderQty", *_TRIGGER)),
    OrderType.LIMIT_MAKER: _Form(("quantity", "price"), ("timeInForce", "quoteOrderQty", *_TRIGGER)),
    OrderType.MARKET: _Form((), ("price", "timeInForce", *_TRIGGER), (("quantity", "quoteOrderQty"),)),
    OrderType.STOP_LOSS: _STOP,
    OrderType.STOP_LOSS_LIMIT: _STOP_LIMIT,
    OrderType.TAKE_PROFIT: _STOP,
    OrderType.TAKE_PROFIT_LIMIT: _STOP_LIMIT,
}
_TYPES = {kind.value: kind for kind in OrderType}
_TIMES_IN_FORCE = {kind.value: kind for kind in TimeInForce}


def read_order(request: Request) -> NewOrder:
    """Read an order from its parameters: present where its type needs them, absent where it does not know them."""
    side = request.text("side")
    if side not in {"BUY", "SELL"}:
        raise Refused(-1117, "Invalid side.")
    kind = _TYPES.get(request.text("type"))
    if kind is None:
        raise Refused(-1116, "Invalid orderType.")
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
    form = _FORMS[new.type]
    if "timeInForce" in form.needed:
        new.time_in_force = read_time_in_force(request)
    for names in form.one_of:
        need_one(request, *names)
    for name in form.needed:
        if not request.params.get(name):
            raise missing(name)
    for name in form.unknown:
        if request.params.get(name):
            raise not_required(name)
    if new.quote_quantity and new.quantity:
        raise not_required("quoteOrderQty")


def need_one(request: Request, *names: str) -> None:
    if not any(request.params.get(name) for name in names):
        either = " or ".join(f"'{name}'" for name in names)
        raise Refused(-1102, f"Param {either} must be sent, but both were empty/null!")


def read_time_in_force(request: Request, name: str = "timeInForce") -> TimeInForce:
    time_in_force = _TIMES_IN_FORCE.get(request.text(name))
    if time_in_force is None:
        raise Refused(-1115, "Invalid timeInForce.")
    return time_in_force


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
