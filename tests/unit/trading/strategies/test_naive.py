"""The naive strategy's specification, worked by hand: dip 1 %, target 2 %, stop 3 %, fee 0.1 %."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, D, Fate, Trader, Venue
from tests.unit.trading.strategies.storms import LIMITS, market, ride, storms
from trading.orders import OrderKind, Side
from trading.params import ParamsRefused
from trading.strategies import parse_params

PARAMS: dict[str, Any] = {
    "symbol": "BTC/USDT",
    "dip_pct": "1",
    "target_pct": "2",
    "stop_pct": "3",
    "rebuy_pct": "2",
    "rounds": 3,
    "budget_per_round": "100",
    "budget": "250",
}


def trader(**changes: Any) -> Trader:
    return Trader(Venue({"USDT": "1000"}), "naive", PARAMS | changes)


def test_waits_with_nothing_at_the_venue_until_the_price_has_dipped() -> None:
    ours = trader()
    for price in ("100", "99.5", "101", "100"):  # 101 is the reference now: the trigger is 99.99
        ours.see(price)
    assert ours.open_orders() == []
    assert not ours.venue.orders


def test_buys_the_dip_below_the_highest_price_and_offers_at_the_target() -> None:
    ours = trader()
    ours.see("100")
    ours.see("98.99", "99")
    # 100 / 99 = 1.0101... in lots of 0.00001; the fee of 0.1 % comes out of what was bought.
    bought = ours.venue.fills[0][1]
    assert (bought.side, bought.price, bought.quantity) == (Side.BUY, D("99.00"), D("1.01010"))
    assert ours.venue.total("BTC") == D("1.0090899")
    assert ours.open_orders() == [("S:1", "1.00908", "100.98")]


def test_a_sale_at_the_target_ends_the_round_and_moves_the_reference() -> None:
    ours = trader()
    ours.see("100")
    ours.see("99")
    ours.see("100.98")
    assert ours.open_orders() == []
    # 1.0101 at 99 paid, 1.00908 at 100.98 less 0.1 % received.
    assert ours.venue.total("USDT") == 1000 - D("99.9999") + D("101.8968984") * D("0.999")
    ours.see("99.98")  # not yet 1 % below 100.98
    assert ours.open_orders() == []
    ours.see("99.97")
    assert [fill.side for _, fill in ours.venue.fills] == [Side.BUY, Side.SELL, Side.BUY]


def test_a_fall_to_the_stop_sells_at_once_at_the_market() -> None:
    ours = trader(rounds=1)
    ours.see("100")
    ours.see("99")
    ours.see("96.04")  # the stop is at 96.03
    assert len(ours.venue.fills) == 1
    ours.see("96.03")
    sold = list(ours.venue.orders.values())[-1]
    assert (sold.slot, sold.attempt, sold.kind, sold.filled) == ("S:1", 2, OrderKind.MARKET, D("1.00908"))


def test_what_was_just_stopped_is_not_bought_back_at_once() -> None:
    ours = trader()
    for price in ("100", "99", "97.02", "96.03", "95"):  # the first round stops at 96.03
        ours.see(price)
    assert [fill.side for _, fill in ours.venue.fills] == [Side.BUY, Side.BUY, Side.SELL]
    ours.see("94.11")  # 2 % below 96.03 would be 94.1094
    assert len(ours.venue.fills) == 3


def test_bids_what_is_asked_and_not_more_after_a_gap() -> None:
    ours = trader()
    ours.see("100")
    ours.see("90")
    assert [str(fill.price) for _, fill in ours.venue.fills] == ["90.00"]


def test_further_rounds_open_lower_by_the_rebuy_distance_within_the_budget() -> None:
    ours = trader(stop_pct="10")
    ours.see("100")
    ours.see("99")
    ours.see("97.03")
    assert len(ours.venue.fills) == 1
    ours.see("97.02")  # 2 % below 99
    assert [str(fill.price) for _, fill in ours.venue.fills] == ["99.00", "97.02"]
    # A third round would need 300 in all.
    ours.see("95.07", "95.07")
    assert [fill.side for _, fill in ours.venue.fills].count(Side.BUY) == 2


def test_a_bid_that_the_price_left_is_withdrawn_and_what_it_bought_is_sold() -> None:
    ours = trader()
    ours.see("100")
    ours.venue.slice = D("0.3")
    ours.see("99")
    assert ours.open_orders() == [("B:1", "0.7101", "99.00")]
    ours.venue.slice = None
    ours.see("100.98")
    assert ours.open_orders() == []
    assert [(fill.side, fill.quantity) for _, fill in ours.venue.fills] == [
        (Side.BUY, D("0.3")),
        (Side.SELL, D("0.29970")),
    ]


def test_a_refused_bid_is_tried_again_later_and_not_in_a_loop() -> None:
    ours = trader()
    ours.see("100")
    ours.venue.fates.extend([Fate.REFUSED] * 3)
    ours.see("99")
    assert len(ours.venue.orders) == 1
    for second, attempts in ((1, 1), (1, 2), (3, 2), (1, 3), (7, 3), (1, 4)):
        ours.wait(second)
        assert len([order for order in ours.venue.orders.values() if order.slot == "B:1"]) == attempts
    assert len(ours.venue.fills) == 1


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("dip_pct", "0", "number above 0 below 100"),
        ("dip_pct", "NaN", "number above 0 below 100"),
        ("target_pct", -1, "number above 0 at most 1000"),
        ("rounds", 0, "integer at least 1 at most 50"),
        ("rounds", "many", "integer at least 1 at most 50"),
        ("symbol", "btc", "string at most this long: 40 matching ^[A-Z0-9]+/[A-Z0-9]+$"),
        ("budget", "99", "at least budget_per_round (100)"),
        ("budget_per_round", "1e309", "number above 0 at most 1000000000000000"),
        ("colour", "red", "one of symbol, dip_pct, target_pct, stop_pct, budget_per_round, budget, rounds, rebuy_pct"),
    ],
)
def test_params_are_refused_with_field_value_and_range(field: str, value: Any, allowed: str) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse_params("naive", PARAMS | {field: value})
    problem = refused.value.problems[0]
    assert (problem.field, problem.allowed) == (field, allowed)
    assert str(problem.value) == str(value)


def test_params_that_a_form_sent_as_numbers_are_read_as_typed() -> None:
    assert parse_params("naive", PARAMS | {"dip_pct": 0.1}).dip_pct == Decimal("0.1")


def test_knows_its_position_to_the_last_digit() -> None:
    ours = trader()
    for price in ("100", "99", "97.02", "103", "101", "99.5", "96"):
        ours.see(price)
    books = ours.state.memory.books
    assert 1000 + books.flows["USDT"] == ours.venue.total("USDT")  # type: ignore[index]
    assert books.position(BTC).quantity == books.flows["BTC"] == ours.venue.total("BTC")  # type: ignore[index]


@settings(max_examples=60, deadline=None)
@given(storms(), st.integers(1, 4))
def test_lives_through_any_weather(storm: list[Any], rounds: int) -> None:
    params = PARAMS | {"budget_per_round": "20", "budget": "80", "rounds": rounds}
    limits = {**LIMITS, "open_orders_max": 8}
    ours = Trader(market(), "naive", params, limits=limits)
    ride(ours, storm, limits=limits)
    assert ours.state.memory.books.position(BTC).quantity >= 0
