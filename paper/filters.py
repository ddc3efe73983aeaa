"""The rules that an order must fit before it is looked at: the venue's filters, with the venue's words."""

import msgspec

from paper.errors import Refused, failed_filter
from paper.fixed import ONE, product
from paper.markets import Market
from paper.orders import CONDITIONAL, PRICELESS, OrderType, TimeInForce


class NewOrder(msgspec.Struct, kw_only=True, gc=False):
    """An order as it was asked for, read but not yet judged."""

    symbol: str
    buy: bool
    type: OrderType
    time_in_force: TimeInForce = TimeInForce.GTC
    quantity: int = 0
    quote_quantity: int = 0
    price: int = 0
    stop_price: int = 0
    trailing_delta: int = 0
    client_id: str = ""


def check(market: Market, new: NewOrder, average_price: int) -> None:
    """Raise `Refused` if the order breaks a rule of its market. Market orders are valued at the average price."""
    if new.type not in PRICELESS:
        _check_price(market, new.price)
        _check_percent(market, new, average_price)
    if new.stop_price:
        _check_price(market, new.stop_price)
    if new.trailing_delta and not market.trailing_delta_min <= new.trailing_delta <= market.trailing_delta_max:
        raise failed_filter("TRAILING_DELTA")
    if new.quote_quantity:
        if new.quote_quantity < market.notional_min:
            raise failed_filter("NOTIONAL")
        return
    _check_lot(market, new)
    price = average_price if new.type in PRICELESS else new.price
    notional = product(price, new.quantity)
    if notional < market.notional_min or (notional > market.notional_max and new.type not in PRICELESS):
        raise failed_filter("NOTIONAL")


def check_count(market: Market, new: NewOrder, open_orders: int, open_conditional: int) -> None:
    if open_orders >= market.orders_max:
        raise failed_filter("MAX_NUM_ORDERS")
    if new.type in CONDITIONAL and open_conditional >= market.conditional_orders_max:
        raise failed_filter("MAX_NUM_ALGO_ORDERS")


def _check_price(market: Market, price: int) -> None:
    if price <= 0:
        raise Refused(-1013, "Invalid price.")
    if not market.price_min <= price <= market.price_max or (price - market.price_min) % market.price_tick:
        raise failed_filter("PRICE_FILTER")


def _check_percent(market: Market, new: NewOrder, average_price: int) -> None:
    if not average_price * market.percent_down <= new.price * ONE <= average_price * market.percent_up:
        raise failed_filter("PERCENT_PRICE_BY_SIDE")


def _check_lot(market: Market, new: NewOrder) -> None:
    if new.quantity <= 0:
        raise Refused(-1013, "Invalid quantity.")
    if new.quantity > market.quantity_max or new.quantity % market.lot_step:
        raise failed_filter("LOT_SIZE")
    if new.type in PRICELESS and new.quantity > market.market_quantity_max:
        raise failed_filter("MARKET_LOT_SIZE")
