"""Orders of every kind, from acceptance to their end, and what they do to balances."""

import pytest

from paper.accounts import Account
from paper.errors import Refused
from paper.fixed import units
from paper.orders import Order, Status
from paper.venue import Which
from tests.unit.paper.floor import Floor, short


@pytest.fixture
def buyer(floor: Floor) -> Account:
    return floor.open("buyer", USDT="1000")


@pytest.fixture
def seller(floor: Floor) -> Account:
    return floor.open("seller", ABC="10")


def filled(order: Order) -> tuple[str, str]:
    return order.status, short(order.filled)


def test_a_resting_order_locks_what_it_may_spend(floor: Floor, buyer: Account) -> None:
    order = floor.place(buyer, "BUY", "LIMIT", "2", "99.5")
    assert floor.holds(buyer, "USDT") == ("801", "199")
    floor.cancel(buyer, order)
    assert order.status is Status.CANCELED
    assert floor.holds(buyer, "USDT") == ("1000", "0")


def test_a_taker_gets_the_resting_price_and_its_surplus_back(floor: Floor, buyer: Account, seller: Account) -> None:
    floor.place(seller, "SELL", "LIMIT", "1", "99")
    order = floor.place(buyer, "BUY", "LIMIT", "3", "101")
    assert filled(order) == ("PARTIALLY_FILLED", "1")
    assert floor.holds(buyer, "USDT") == ("699", "202")
    assert floor.holds(buyer, "ABC") == ("0.999", "0")
    assert floor.holds(seller, "USDT") == ("98.901", "0")


def test_fees_are_paid_in_the_discount_asset_while_there_is_enough(floor: Floor, seller: Account) -> None:
    thrifty = floor.open("thrifty", discount=True, USDT="1000", BNB="0.0003")
    floor.place(seller, "SELL", "LIMIT", "2", "100")
    floor.place(thrifty, "BUY", "LIMIT", "1", "100")
    floor.place(thrifty, "BUY", "LIMIT", "1", "100")
    fees = [(short(trade.fee), trade.fee_asset) for trade in thrifty.trades]
    assert fees == [("0.00015", "BNB"), ("0.00015", "BNB")]
    floor.place(seller, "SELL", "LIMIT", "1", "100")
    floor.place(thrifty, "BUY", "LIMIT", "1", "100")
    assert (short(thrifty.trades[-1].fee), thrifty.trades[-1].fee_asset) == ("0.001", "ABC")


def test_immediate_or_cancel_never_rests(floor: Floor, buyer: Account, seller: Account) -> None:
    floor.place(seller, "SELL", "LIMIT", "1", "100")
    order = floor.place(buyer, "BUY", "LIMIT", "2", "100", tif="IOC")
    assert filled(order) == ("EXPIRED", "1")
    assert order.expiry_reason == "UNFILLED_IOC_QUANTITY_EXPIRED"
    assert floor.holds(buyer, "USDT") == ("900", "0")


def test_fill_or_kill_takes_all_or_nothing(floor: Floor, buyer: Account, seller: Account) -> None:
    floor.place(seller, "SELL", "LIMIT", "1", "100")
    assert filled(floor.place(buyer, "BUY", "LIMIT", "2", "100", tif="FOK")) == ("EXPIRED", "0")
    assert filled(floor.place(buyer, "BUY", "LIMIT", "1", "100", tif="FOK")) == ("FILLED", "1")


def test_a_limit_maker_that_would_take_is_refused(floor: Floor, buyer: Account, seller: Account) -> None:
    floor.place(seller, "SELL", "LIMIT", "1", "100")
    new = floor.order("BUY", "LIMIT_MAKER", "1", "100")
    assert floor.refusal(buyer, new) == (-2010, "Order would immediately match and take.")
    assert filled(floor.place(buyer, "BUY", "LIMIT_MAKER", "1", "99.99")) == ("NEW", "0")


def test_a_market_order_walks_the_book_and_what_finds_nobody_expires(
    floor: Floor, buyer: Account, seller: Account
) -> None:
    floor.place(seller, "SELL", "LIMIT", "1", "100")
    floor.place(seller, "SELL", "LIMIT", "1", "110")
    order = floor.place(buyer, "BUY", "MARKET", "3")
    assert filled(order) == ("EXPIRED", "2")
    assert floor.holds(buyer, "USDT") == ("790", "0")


@pytest.mark.parametrize(("amount", "bought"), [("100", "1"), ("155", "1.5"), ("105.5", "1.05"), ("999", "2")])
def test_a_market_order_by_amount_buys_as_many_whole_lots_as_it_can(
    floor: Floor, buyer: Account, seller: Account, amount: str, bought: str
) -> None:
    floor.place(seller, "SELL", "LIMIT", "1", "100")
    floor.place(seller, "SELL", "LIMIT", "1", "110")
    assert short(floor.place(buyer, "BUY", "MARKET", quote=amount).filled) == bought


def test_nobody_spends_what_they_do_not_have(floor: Floor, buyer: Account, seller: Account) -> None:
    poor = -2010, "Account has insufficient balance for requested action."
    assert floor.refusal(buyer, floor.order("BUY", "LIMIT", "11", "100")) == poor
    assert floor.refusal(buyer, floor.order("SELL", "LIMIT", "1", "100")) == poor
    floor.place(seller, "SELL", "LIMIT", "10", "101")
    assert floor.refusal(buyer, floor.order("BUY", "MARKET", "10")) == poor


def test_names_are_unique_among_open_orders_only(floor: Floor, buyer: Account) -> None:
    first = floor.place(buyer, "BUY", "LIMIT", "1", "90", name="mine")
    again = floor.order("BUY", "LIMIT", "1", "90", name="mine")
    assert floor.refusal(buyer, again) == (-2010, "Duplicate order sent.")
    floor.cancel(buyer, first)
    second = floor.place(buyer, "BUY", "LIMIT", "1", "90", name="mine")
    assert floor.venue.query(buyer, Which("ABCUSDT", None, "mine")) is second
    assert floor.venue.query(buyer, Which("ABCUSDT", first.id)) is first


def test_an_order_is_its_owners_alone(floor: Floor, buyer: Account, seller: Account) -> None:
    order = floor.place(buyer, "BUY", "LIMIT", "1", "90")
    with pytest.raises(Refused) as refused:
        floor.cancel(seller, order)
    assert refused.value.code == -2011
    with pytest.raises(Refused) as refused:
        floor.venue.query(seller, Which("ABCUSDT", order.id))
    assert refused.value.code == -2013


def test_what_has_ended_cannot_be_cancelled(floor: Floor, buyer: Account, seller: Account) -> None:
    order = floor.place(buyer, "BUY", "LIMIT", "1", "100")
    floor.place(seller, "SELL", "MARKET", "1")
    with pytest.raises(Refused) as refused:
        floor.cancel(buyer, order)
    assert (refused.value.code, refused.value.message) == (-2011, "Unknown order sent.")


def test_a_cancellation_can_be_restricted_to_a_status(floor: Floor, buyer: Account, seller: Account) -> None:
    order = floor.place(buyer, "BUY", "LIMIT", "2", "100")
    floor.place(seller, "SELL", "MARKET", "1")
    which = Which("ABCUSDT", order.id)
    with pytest.raises(Refused) as refused:
        floor.venue.cancel(buyer, which, floor.now, only=Status.NEW)
    assert refused.value.code == -2011
    floor.venue.cancel(buyer, which, floor.now, only=Status.PARTIALLY_FILLED)
    assert filled(order) == ("CANCELED", "1")


def test_earlier_orders_at_a_price_fill_before_later_ones(floor: Floor, seller: Account) -> None:
    first, second = (floor.open(name, USDT="1000") for name in ("first", "second"))
    early = floor.place(first, "BUY", "LIMIT", "1", "100")
    late = floor.place(second, "BUY", "LIMIT", "1", "100")
    floor.place(seller, "SELL", "MARKET", "1.5")
    assert [filled(early), filled(late)] == [("FILLED", "1"), ("PARTIALLY_FILLED", "0.5")]


def test_an_account_may_trade_with_itself(floor: Floor) -> None:
    both = floor.open("both", USDT="1000", ABC="10")
    floor.place(both, "BUY", "LIMIT", "1", "100")
    floor.place(both, "SELL", "LIMIT", "1", "100")
    assert floor.holds(both, "ABC") == ("9.999", "0")
    assert floor.holds(both, "USDT") == ("999.9", "0")


def test_who_trades_with_themselves_never_owes_more_discount_asset_than_they_have(floor: Floor) -> None:
    both = floor.open("both", discount=True, USDT="1000", ABC="10", BNB="0.0002")
    floor.place(both, "BUY", "LIMIT", "1", "100")
    floor.place(both, "SELL", "LIMIT", "1", "100")
    fees = [(short(trade.fee), trade.fee_asset) for trade in both.trades]
    assert fees == [("0.00015", "BNB"), ("0.1", "USDT")]


def test_a_withdrawal_cannot_touch_what_is_locked(floor: Floor, buyer: Account) -> None:
    floor.place(buyer, "BUY", "LIMIT", "9", "100")
    with pytest.raises(Refused):
        floor.venue.move_funds(buyer, "USDT", -units("101"), floor.now)
    floor.venue.move_funds(buyer, "USDT", -units("100"), floor.now)
    assert floor.holds(buyer, "USDT") == ("0", "900")


def test_a_halted_market_takes_no_orders_but_lets_them_go(floor: Floor, buyer: Account) -> None:
    order = floor.place(buyer, "BUY", "LIMIT", "1", "100")
    floor.venue.pits["ABCUSDT"].halted = True
    assert floor.refusal(buyer, floor.order("BUY", "LIMIT", "1", "100")) == (-2010, "Market is closed.")
    assert floor.cancel(buyer, order).status is Status.CANCELED
