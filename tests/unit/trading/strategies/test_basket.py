"""The grid's basket mode, worked by hand: anchor 100, levels 99, 98 and 97 of 100 USDT each, fee 0.1 %.

Level 1 buys 1.0101 for 99.9999 and gets 1.0090899: 99.0990... each, fee included. Half of it is offered 1 % above that
(100.0900..., on the tick 100.10), three tenths 2 % above (101.0810..., so 101.09), the rest trails.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, D, Trader, Venue
from tests.unit.trading.strategies.storms import LIMITS, market, ride, storms
from trading.events import Command, CommandReceived
from trading.params import ParamsRefused
from trading.strategies import parse_params
from trading.strategies.basket import BasketState

PARAMS: dict[str, Any] = {
    "mode": "basket",
    "symbol": "BTC/USDT",
    "size": "100",
    "levels": 3,
    "step_pct": "1",
    "tp1_pct": "1",
    "tp1_share_pct": "50",
    "tp2_pct": "2",
    "tp2_share_pct": "30",
    "trail_start_pct": "3",
    "trail_pct": "1",
}
LEVELS = [("B:1", "1.0101", "99.00"), ("B:2", "1.0204", "98.00"), ("B:3", "1.03092", "97.00")]


def trader(**changes: Any) -> Trader:
    return Trader(Venue({"USDT": "1000"}), "grid", PARAMS | changes)


def seeing(*prices: str, **changes: Any) -> Trader:
    ours = trader(**changes)
    for price in prices:
        ours.see(price)
    return ours


def state(ours: Trader) -> BasketState:
    basket = ours.state.strategy_state.basket
    assert isinstance(basket, BasketState)
    return basket


def kinds(ours: Trader) -> list[str]:
    return [line.kind for line in ours.records]


def told(ours: Trader, name: str) -> None:
    until = ours.venue.now + timedelta(hours=1)
    command = Command(id=f"cmd_{len(ours.records)}", name=name, at=ours.venue.now, expires_at=until)
    ours.hear(CommandReceived(command))
    ours.deliver()


@pytest.mark.parametrize(
    ("prices", "open_orders"),
    [
        pytest.param(["100"], LEVELS, id="waits at its levels"),
        pytest.param(["100", "101"], LEVELS, id="which stay where they are"),
        pytest.param(
            ["100", "99"],
            [*LEVELS[1:], ("S:TP1", "0.50454", "100.10"), ("S:TP2", "0.30272", "101.09")],
            id="a level fills: both targets are offered",
        ),
        pytest.param(
            ["100", "99", "98"],
            # 2.0284695 for 199.9991: 98.5960... each.
            [LEVELS[2], ("S:TP1", "1.01423", "99.59"), ("S:TP2", "0.60854", "100.57")],
            id="a second one fills: the targets come down",
        ),
        pytest.param(
            ["100", "99", "100.10"],
            [*LEVELS[1:], ("S:TP2", "0.30272", "101.09")],
            id="the first target is reached",
        ),
        pytest.param(
            ["100", "99", "100.10", "98"],
            # The first target now wants 1.01423 in all: 0.50454 of it are sold already.
            [LEVELS[2], ("S:TP1", "0.50969", "99.59"), ("S:TP2", "0.60854", "100.57")],
            id="and what another level adds is offered lower",
        ),
        pytest.param(["100", "99", "101.09"], LEVELS[1:], id="both are reached: the rest waits for the trail"),
        pytest.param(["100", "99", "102.08"], LEVELS[1:], id="it begins 3 % above the average, at 102.08"),
        pytest.param(["100", "99", "103", "101.98"], LEVELS[1:], id="and holds until 1 % below the highest bid"),
    ],
)
def test_what_stands_as_the_price_moves(prices: list[str], open_orders: list[tuple[str, str, str]]) -> None:
    assert seeing(*prices).open_orders() == open_orders


def test_the_trail_ends_the_basket_and_the_next_begins_where_the_price_is() -> None:
    ours = seeing("100", "99", "103", "101.97")
    trail = next(order for order in ours.venue.orders.values() if order.slot == "S:TRAIL")
    assert (str(trail.quantity), trail.price) == ("0.20182", None)
    assert [line.kind for line in ours.records[-3:]] == ["basket_closing", "basket_closed", "basket_opened"]
    # 0.50454 * 100.10 + 0.30272 * 101.09 + 0.20182 * 101.97, less 0.1 %, less 99.9999.
    assert ours.records[-2].detail["profit"] == str(D("101.6860042") * D("0.999") - D("99.9999"))
    assert ours.open_orders()[0] == ("B:1", "0.99058", "100.95")
    assert state(ours).deal.number == 2


def test_without_a_trail_the_second_target_ends_the_basket() -> None:
    ours = seeing("100", "99", "101.09", tp2_share_pct="50")
    assert state(ours).deal.number == 2
    assert ours.venue.total("BTC") < D("0.00001")


def test_parts_too_small_to_be_sold_go_with_the_next() -> None:
    # Of 9 USDT neither the half for TP1 nor the fifth for the trail is 5 or more, so TP2 takes all of it.
    ours = seeing("100", "99", size="9")
    assert ours.open_orders()[2:] == [("S:TP2", "0.0908", "101.09")]
    # Of 14 USDT the half can be sold alone; the three tenths for TP2 cannot, and go with the trail.
    ours = seeing("100", "99", size="14")
    assert ours.open_orders()[2:] == [("S:TP1", "0.07063", "100.10")]


def test_a_hard_stop_below_the_zone_sells_everything() -> None:
    ours = seeing("100", "99", "98", "97", "92.16", stop_pct="5")
    assert state(ours).phase == "active"
    ours.see("92.15")  # 5 % below 97
    assert ours.venue.total("BTC") < D("0.00001")
    assert "bid 92.15 at or below the stop 92.15" in [line.reason for line in ours.records]
    assert state(ours).deal.number == 2


def test_a_basket_rests_before_the_next() -> None:
    ours = seeing("100", "99", "90", stop_pct="5", cool_down_s=60)
    assert ours.open_orders() == []
    ours.wait(59)
    assert state(ours).phase == "resting"
    ours.wait(1)
    assert state(ours).deal.number == 2


def test_the_zone_is_extended_level_by_level_once_all_are_bought() -> None:
    ours = seeing("100", "99", "98", extend_levels=2)
    assert "B:4" not in [slot for slot, _, _ in ours.open_orders()]
    ours.see("97")
    assert ours.open_orders()[0] == ("B:4", "1.04166", "96.00")
    ours.see("96")
    assert ours.open_orders()[0] == ("B:5", "1.05263", "95.00")
    ours.see("95")
    assert not [slot for slot, _, _ in ours.open_orders() if slot.startswith("B")]


def test_a_price_far_above_is_a_suggestion_to_anchor_anew() -> None:
    ours = seeing("100", "104.99", "105.01", "106", "104", reanchor_pct="5")
    assert kinds(ours).count("reanchor_suggested") == 1
    assert ours.open_orders() == LEVELS
    ours.see("106")
    told(ours, "reanchor")
    assert ours.open_orders()[0] == ("B:1", "0.95292", "104.94")
    assert state(ours).deal.number == 2


def test_anchors_anew_by_itself_when_asked_to() -> None:
    ours = seeing("100", "106", reanchor_pct="5", reanchor="auto")
    assert state(ours).anchor == 106
    assert [order.state for order in ours.venue.orders.values()].count("cancelled") == 3  # type: ignore[arg-type]


def test_never_anchors_anew_while_it_holds_something() -> None:
    ours = seeing("100", "99", "108", reanchor_pct="5", reanchor="auto", trail_start_pct="50")
    told(ours, "reanchor")
    assert state(ours).deal.number == 1


def test_closes_when_told_to() -> None:
    ours = seeing("100", "99")
    told(ours, "close")
    assert state(ours).deal.number == 2
    assert ours.venue.total("BTC") < D("0.00001")


@pytest.mark.parametrize(
    ("changes", "prices"),
    [
        ({"spacing": "geometric", "step_pct": "10"}, ["90.00", "81.00", "72.90"]),
        ({"spacing": "arithmetic", "step_pct": "10"}, ["90.00", "80.00", "70.00"]),
        ({"spacing": "list", "levels_pct": ["1", "4", "9"]}, ["99.00", "96.00", "91.00"]),
        ({"anchor": "110"}, ["108.90", "107.80", "106.70"]),
    ],
)
def test_levels_by_spacing(changes: dict[str, Any], prices: list[str]) -> None:
    ours = trader(**changes)
    ours.see("111")
    basket = state(ours)
    at_111 = [str(level.price) for level in basket.levels]
    assert at_111 == prices if "anchor" in changes else True
    if "anchor" not in changes:
        ours = trader(**changes)
        ours.see("100")
        assert [str(level.price) for level in state(ours).levels] == prices


def test_sizes_can_grow_from_level_to_level() -> None:
    ours = seeing("100", size_scale="2")
    assert [quantity for _, quantity, _ in ours.open_orders()] == ["1.0101", "2.04081", "4.12371"]


@pytest.mark.parametrize(
    ("change", "field", "allowed"),
    [
        ({"mode": "square"}, "mode", "one of basket, range"),
        ({"tp2_share_pct": "51"}, "tp2_share_pct", "at most 50"),
        ({"tp2_pct": "0.5"}, "tp2_pct", "at least tp1_pct (1)"),
        ({"trail_start_pct": "1"}, "trail_start_pct", "at least tp2_pct (2)"),
        ({"spacing": "list"}, "levels_pct", "a growing list of per cents"),
        ({"spacing": "list", "levels_pct": ["2", "1"]}, "levels_pct", "a growing list of per cents"),
        ({"spacing": "list", "levels_pct": ["100"]}, "levels_pct[0]", "number above 0 below 100"),
        ({"levels": 50, "step_pct": "2"}, "step_pct", "steps whose lowest level is above zero"),
        ({"lower": "1"}, "lower", None),
    ],
)
def test_params_are_refused_with_field_value_and_range(change: dict[str, Any], field: str, allowed: str | None) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse_params("grid", PARAMS | change)
    problem = refused.value.problems[0]
    assert problem.field == field
    assert allowed is None or problem.allowed == allowed


@settings(max_examples=60, deadline=None)
@given(storms(), st.sampled_from([None, "3"]), st.integers(0, 2), st.sampled_from([None, "2"]))
def test_lives_through_any_weather(storm: list[Any], stop: str | None, extend: int, reanchor: str | None) -> None:
    params = PARAMS | {
        "size": "20",
        "stop_pct": stop,
        "extend_levels": extend,
        "reanchor_pct": reanchor,
        "reanchor": "auto",
    }
    limits = {**LIMITS, "open_orders_max": 12}
    ours = Trader(market(), "grid", params, limits=limits)
    ride(ours, storm, limits=limits)
    assert ours.state.memory.books.position(BTC).quantity >= 0
