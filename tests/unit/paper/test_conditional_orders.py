"""Stops, profits, trailing stops, and lists in which one cancels the other."""

import pytest

from paper.accounts import Account
from paper.errors import Refused
from paper.orders import Order, Status
from tests.unit.paper.floor import Floor, short


@pytest.fixture
def trader(floor: Floor) -> Account:
    floor.trade_at("100")
    return floor.open("trader", USDT="1000", ABC="10")


@pytest.fixture
def other(floor: Floor) -> Account:
    return floor.open("other", USDT="100000", ABC="1000")


def stands(order: Order) -> str:
    return "waiting" if order.is_open and not order.working_at else str(order.status)


@pytest.mark.parametrize(
    ("side", "kind", "stop", "quiet", "firing"),
    [
        ("SELL", "STOP_LOSS", "95", "95.01", "95"),
        ("BUY", "STOP_LOSS", "105", "104.99", "105"),
        ("SELL", "TAKE_PROFIT", "105", "104.99", "106"),
        ("BUY", "TAKE_PROFIT", "95", "95.01", "94"),
    ],
)
def test_it_fires_when_its_price_trades(
    floor: Floor, trader: Account, other: Account, side: str, kind: str, stop: str, quiet: str, firing: str
) -> None:
    order = floor.place(trader, side, kind, "1", stop=stop)
    floor.place(other, "SELL", "LIMIT", "5", "120")
    floor.place(other, "BUY", "LIMIT", "5", "80")
    floor.trade_at(quiet)
    assert stands(order) == "waiting"
    floor.trade_at(firing)
    assert stands(order) == "FILLED"


def test_a_stop_limit_rests_at_its_limit_once_it_fired(floor: Floor, trader: Account) -> None:
    order = floor.place(trader, "SELL", "STOP_LOSS_LIMIT", "1", "94", stop="95")
    assert floor.holds(trader, "ABC") == ("9", "1")
    floor.trade_at("95")
    assert (stands(order), floor.venue.pits["ABCUSDT"].book.best_ask) == ("NEW", order.price)
    assert floor.holds(trader, "ABC") == ("9", "1")


def test_one_that_would_fire_at_once_is_refused(floor: Floor, trader: Account) -> None:
    immediately = -2010, "Order would trigger immediately."
    assert floor.refusal(trader, floor.order("SELL", "STOP_LOSS", "1", stop="100")) == immediately
    assert floor.refusal(trader, floor.order("SELL", "TAKE_PROFIT", "1", stop="100")) == immediately


def test_a_fired_purchase_that_cannot_be_paid_expires(floor: Floor, trader: Account, other: Account) -> None:
    floor.place(other, "SELL", "LIMIT", "50", "110")
    order = floor.place(trader, "BUY", "STOP_LOSS", "20", stop="105")
    floor.trade_at("105")
    assert (stands(order), order.expiry_reason) == ("EXPIRED", "REJECTED")


def test_orders_that_fire_others_do_so_in_one_go(floor: Floor, trader: Account, other: Account) -> None:
    for price in ("99", "97", "95"):
        floor.place(other, "BUY", "LIMIT", "1", price)
    stops = [floor.place(trader, "SELL", "STOP_LOSS", "1", stop=stop) for stop in ("97", "99")]
    floor.place(trader, "SELL", "LIMIT", "1", "99")
    assert [stands(order) for order in stops] == ["FILLED", "FILLED"]
    assert [short(trade.price) for trade in trader.trades] == ["99", "97", "95"]


def test_a_trailing_stop_follows_the_best_price_and_fires_on_the_way_back(
    floor: Floor, trader: Account, other: Account
) -> None:
    floor.place(other, "BUY", "LIMIT", "5", "50")
    order = floor.place(trader, "SELL", "STOP_LOSS", "1", trailing="100")
    for price in ("102", "110", "108.91"):
        floor.trade_at(price)
        assert stands(order) == "waiting"
    floor.trade_at("108.9")
    assert stands(order) == "FILLED"


def test_a_trailing_order_with_a_stop_price_follows_only_from_there(
    floor: Floor, trader: Account, other: Account
) -> None:
    floor.place(other, "SELL", "LIMIT", "5", "150")
    order = floor.place(trader, "BUY", "STOP_LOSS_LIMIT", "1", "125", stop="110", trailing="500")
    for price in ("92.5", "99", "110", "115", "105", "110.24"):
        floor.trade_at(price)
        assert stands(order) == "waiting", price
    floor.trade_at("110.25")
    assert stands(order) == "NEW"


def list_of(floor: Floor, trader: Account) -> tuple[Order, Order]:
    above = floor.order("SELL", "LIMIT_MAKER", "2", "110")
    below = floor.order("SELL", "STOP_LOSS_LIMIT", "2", "89", stop="90")
    order_list = floor.oco(trader, above, below)
    stop, limit = (floor.state.orders[order_id] for order_id in order_list.orders)
    return limit, stop


def test_a_list_sets_funds_aside_once(floor: Floor, trader: Account) -> None:
    list_of(floor, trader)
    assert floor.holds(trader, "ABC") == ("8", "2")


def test_a_purchase_list_sets_aside_what_its_dearer_leg_needs(floor: Floor, trader: Account) -> None:
    above = floor.order("BUY", "STOP_LOSS_LIMIT", "2", "112", stop="110")
    floor.oco(trader, above, floor.order("BUY", "LIMIT_MAKER", "2", "90"))
    assert floor.holds(trader, "USDT") == ("776", "224")


def test_the_first_trade_of_one_leg_ends_the_other(floor: Floor, trader: Account, other: Account) -> None:
    limit, stop = list_of(floor, trader)
    floor.place(other, "BUY", "LIMIT", "1", "110")
    assert (stands(limit), stands(stop), stop.expiry_reason) == ("PARTIALLY_FILLED", "EXPIRED", "OCO_TRIGGER")
    assert floor.holds(trader, "ABC") == ("8", "1")


def test_a_leg_that_fires_ends_the_other(floor: Floor, trader: Account) -> None:
    limit, stop = list_of(floor, trader)
    floor.trade_at("90")
    assert (stands(limit), stands(stop)) == ("EXPIRED", "NEW")
    assert floor.holds(trader, "ABC") == ("8", "2")


def test_cancelling_one_leg_cancels_both(floor: Floor, trader: Account) -> None:
    limit, stop = list_of(floor, trader)
    floor.cancel(trader, limit)
    assert [stop.status, limit.status] == [Status.CANCELED, Status.CANCELED]
    assert floor.holds(trader, "ABC") == ("10", "0")


@pytest.mark.parametrize(("limit", "stop"), [("99", "90"), ("110", "101"), ("100", "90")])
def test_its_legs_must_stand_on_both_sides_of_the_price(floor: Floor, trader: Account, limit: str, stop: str) -> None:
    above = floor.order("SELL", "LIMIT_MAKER", "1", limit)
    below = floor.order("SELL", "STOP_LOSS", "1", stop=stop)
    with pytest.raises(Refused, match="relationship of the prices"):
        floor.oco(trader, above, below)


def test_a_list_needs_funds_like_any_order(floor: Floor, trader: Account) -> None:
    above = floor.order("SELL", "LIMIT_MAKER", "11", "110")
    with pytest.raises(Refused, match="insufficient balance"):
        floor.oco(trader, above, floor.order("SELL", "STOP_LOSS", "11", stop="90"))
    assert not trader.open_orders
