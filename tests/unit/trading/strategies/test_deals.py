"""The deals strategy's specification, worked by hand: quota 50, markup 1 %, two at once, 60 s to be bought, fee 0.1 %.

A deal at 100 buys 0.5 and gets 0.4995 of it; its target is 100 * 1.01 / 0.999 ** 2 = 101.2023..., on the tick 101.21.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, D, Fate, Trader, Venue
from tests.unit.trading.strategies.storms import LIMITS, market, ride, storms
from trading.events import Command, CommandReceived
from trading.orders import OrderKind, Side
from trading.params import ParamsRefused
from trading.strategies import parse_params

PARAMS: dict[str, Any] = {
    "symbol": "BTC/USDT",
    "deal_quota": "50",
    "profit_markup": "1",
    "deal_count": 2,
    "order_life_time": 60,
    "spacing_pct": "2",
}


def trader(**changes: Any) -> Trader:
    return Trader(Venue({"USDT": "1000"}), "deals", PARAMS | changes)


def told(ours: Trader, name: str, **detail: Any) -> None:
    id_ = f"cmd_{len(ours.state.memory.commands) + 1}"
    until = ours.venue.now + timedelta(hours=1)
    ours.hear(CommandReceived(Command(id=id_, name=name, detail=detail, at=ours.venue.now, expires_at=until)))
    ours.deliver()


def kinds(ours: Trader) -> list[str]:
    return [line.kind for line in ours.records]


@pytest.mark.parametrize(
    ("prices", "open_orders"),
    [
        # One deal bids at the best bid; no other opens within 2 % of it.
        (["100/100.1"], [("B:1", "0.5", "100.00")]),
        (["100/100.1", "98.01/98.1"], [("S:1", "0.4995", "101.21")]),
        # 50 / 98 = 0.510204...; its target would be 99.1783..., so 99.18.
        (["100/100.1", "98/98.1"], [("B:2", "0.5102", "98.00"), ("S:1", "0.4995", "101.21")]),
        # Both seats are taken: nothing opens at 95, whatever the distance.
        (["100/100.1", "98/98.1", "95/95.1"], [("S:1", "0.4995", "101.21"), ("S:2", "0.50968", "99.18")]),
        # The lower deal is sold at its target, and its seat opens anew, 2 % away from the other.
        (["100/100.1", "98/98.1", "95/95.1", "99.18/99.2"], [("S:1", "0.4995", "101.21")]),
        (
            ["100/100.1", "98/98.1", "95/95.1", "99.18/99.2", "97.5/97.6"],
            [("B:2", "0.51282", "97.50"), ("S:1", "0.4995", "101.21")],
        ),
    ],
)
def test_deals_open_fill_and_close_as_the_price_moves(
    prices: list[str], open_orders: list[tuple[str, str, str]]
) -> None:
    ours = trader()
    for price in prices:
        bid, ask = price.split("/")
        ours.see(bid, ask)
    assert ours.open_orders() == open_orders


def test_a_closed_deal_has_earned_its_markup_after_both_fees() -> None:
    ours = trader(deal_count=1)
    ours.see("100", "100.1")
    ours.see("99.9", "100")
    ours.see("101.21", "101.3")
    # 50 paid; 0.4995 * 101.21 = 50.554395, less 0.1 %: 50.503840605.
    assert ours.venue.total("USDT") == D("1000.503840605")
    closed = next(line for line in ours.records if line.kind == "deal_closed")
    assert (closed.reason, Decimal(closed.detail["profit"])) == ("sold", D("0.503840605"))


def test_all_seats_open_at_one_price_when_no_distance_is_asked_for() -> None:
    ours = trader(spacing_pct="0", deal_count=3)
    ours.see("100", "100.1")
    assert [slot for slot, _, _ in ours.open_orders()] == ["B:1", "B:2", "B:3"]


def test_a_buy_that_outlives_its_time_is_withdrawn_and_the_next_deal_bids_at_the_new_price() -> None:
    ours = trader(deal_count=1)
    ours.see("100", "100.1")
    ours.see("101", "101.1")
    ours.wait(59)
    assert ours.open_orders() == [("B:1", "0.5", "100.00")]
    ours.wait(1)
    assert ours.open_orders() == [("B:1", "0.49504", "101.00")]
    assert kinds(ours) == ["deal_opened", "deal_withdrawn", "deal_closed", "deal_opened"]


def test_what_was_bought_in_time_is_sold_at_the_target_of_its_deal() -> None:
    ours = trader(deal_count=1)
    ours.see("100", "100.1")
    ours.venue.slice = D("0.2")
    ours.see("99.9", "100")
    ours.venue.slice = None
    ours.see("100.5", "100.6")
    ours.wait(60)
    assert ours.open_orders() == [("S:1", "0.1998", "101.21")]


def test_too_little_to_be_sold_closes_the_deal_and_is_told() -> None:
    ours = trader(deal_count=1)
    ours.see("100", "100.1")
    ours.venue.slice = D("0.04")  # worth 4, and no order below 5 is taken
    ours.see("99.9", "100")
    ours.venue.slice = None
    ours.see("100.5", "100.6")
    ours.wait(60)
    closed = next(line for line in ours.records if line.kind == "deal_closed")
    assert (closed.reason, closed.detail["kept"]) == ("too little was bought to be sold", "0.03996")


def test_a_buy_whose_fate_is_open_keeps_its_deal_open_and_what_it_bought_is_sold() -> None:
    ours = trader(deal_count=1)
    ours.venue.fates.append(Fate.ANSWER_LOST)
    ours.see("100", "100.1")
    ours.wait(60)
    assert "deal_closed" not in kinds(ours)
    ours.venue.move(D("99.9"), D("100"))
    ours.venue.settle()
    ours.deliver()
    assert ours.open_orders() == [("S:1", "0.4995", "101.21")]


def test_panic_sells_one_deal_at_the_market_and_leaves_the_others() -> None:
    ours = trader()
    ours.see("100", "100.1")
    ours.see("98", "98.1")
    ours.see("95", "95.1")
    told(ours, "panic_sell", deal=1)
    sold = [fill for _, fill in ours.venue.fills if fill.side is Side.SELL]
    assert [(str(fill.quantity), str(fill.price)) for fill in sold] == [("0.49950", "95")]
    assert ours.open_orders()[-1] == ("S:2", "0.50968", "99.18")


@pytest.mark.parametrize("detail", [{}, {"deal": 7}, {"deal": "all"}, {"deal": [1]}])
def test_panic_needs_the_number_of_an_open_deal(detail: dict[str, Any]) -> None:
    ours = trader()
    ours.see("100", "100.1")
    told(ours, "panic_sell", **detail)
    assert ours.open_orders() == [("B:1", "0.5", "100.00")]
    assert kinds(ours)[-1] == "command_refused"


def test_mass_close_withdraws_and_sells_everything_and_opens_nothing_until_told_to_resume() -> None:
    ours = trader()
    ours.see("100", "100.1")
    ours.see("98", "98.1")
    told(ours, "mass_close")
    assert ours.open_orders() == []
    assert ours.venue.total("BTC") < D("0.00001")
    assert [order.kind for order in ours.venue.orders.values()][-1] is OrderKind.MARKET
    ours.wait(500)
    ours.see("90", "90.1")
    assert ours.open_orders() == []
    told(ours, "resume")
    assert ours.open_orders() == [("B:1", "0.55555", "90.00")]


def test_a_command_is_obeyed_once_also_after_a_crash() -> None:
    ours = trader()
    ours.see("100", "100.1")
    told(ours, "mass_close")
    told(ours, "resume")
    opened = ours.open_orders()
    ours.crash()
    ours.deliver()
    assert ours.open_orders() == opened != []
    assert kinds(ours).count("command_obeyed") == 2


def test_an_unknown_command_is_refused_with_the_ones_there_are() -> None:
    ours = trader()
    ours.see("100", "100.1")
    told(ours, "dance")
    assert ours.records[-1].reason == "'dance' is none of panic_sell, mass_close, resume"


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("deal_quota", "0", "number above 0 at most 1000000000000000"),
        ("profit_markup", "-1", "number above 0 at most 1000"),
        ("deal_count", 101, "integer at least 1 at most 100"),
        ("order_life_time", 0, "integer at least 1 at most 604800"),
        ("spacing_pct", "100", "number at least 0 below 100"),
    ],
)
def test_params_are_refused_with_field_value_and_range(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse_params("deals", PARAMS | {field: value})
    assert [(problem.field, problem.allowed) for problem in refused.value.problems] == [(field, allowed)]


commands = st.tuples(
    st.just("tell"), st.sampled_from([("panic_sell", {"deal": 1}), ("mass_close", {}), ("resume", {})])
)


@settings(max_examples=60, deadline=None)
@given(storms(), st.lists(st.tuples(st.integers(0, 30), commands), max_size=3), st.sampled_from([1, 2, 4]))
def test_keeps_limits_rules_and_books_in_any_weather(storm: Any, orders: Any, deal_count: int) -> None:
    for at, command in orders:
        storm.insert(at, command)
    ours = Trader(market(), "deals", PARAMS | {"deal_count": deal_count}, limits=LIMITS)
    ours.see("100", "100.1")

    def tell(_action: str, command: tuple[str, dict[str, Any]]) -> None:
        told(ours, command[0], **command[1])

    ride(ours, storm, tell)
    open_deals = ours.state.strategy_state.deals
    assert len(open_deals) <= deal_count
    assert len({deal.seat for deal in open_deals}) == len(open_deals)
    assert ours.state.memory.books.position(BTC).quantity >= 0
