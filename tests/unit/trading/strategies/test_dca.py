"""The dca strategy's specification, worked by hand; fee 0.1 %.

By time: 50 USDT every hour. By price: 100 USDT at 100, then 99, 97 and 93 (steps 1, 2, 4) for 100, 200 and 400 USDT.
The base order buys 1 and gets 0.999 for 100; 1 % above that average is 101.1011..., on the tick 101.11.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, D, Fate, Trader, Venue
from tests.unit.trading.strategies.storms import LIMITS, market, ride, storms
from trading.events import Command, CommandReceived
from trading.params import ParamsRefused
from trading.strategies import parse_params
from trading.strategies.dca_price import PriceState

TIME: dict[str, Any] = {"mode": "time", "symbol": "BTC/USDT", "amount": "50", "interval_s": 3600}
PRICE: dict[str, Any] = {
    "mode": "price",
    "symbol": "BTC/USDT",
    "base_order": "100",
    "safety_order": "100",
    "safety_orders": 3,
    "step_pct": "1",
    "step_scale": "2",
    "volume_scale": "2",
}
RUNGS = [("B:1", "1.0101", "99.00"), ("B:2", "2.06185", "97.00"), ("B:3", "4.30107", "93.00")]


def trader(params: dict[str, Any], **changes: Any) -> Trader:
    return Trader(Venue({"USDT": "1000"}), "dca", params | changes)


def bought(ours: Trader) -> list[str]:
    return [str(fill.quantity) for _, fill in ours.venue.fills]


def kinds(ours: Trader) -> list[str]:
    return [line.kind for line in ours.records]


# By time


def test_buys_the_amount_at_once_and_then_at_every_interval() -> None:
    ours = trader(TIME)
    ours.see("100")
    assert bought(ours) == ["0.50000"]
    ours.wait(3599)
    assert len(bought(ours)) == 1
    ours.see("80")
    ours.wait(1)
    assert bought(ours) == ["0.50000", "0.62500"]
    assert kinds(ours) == ["purchased", "purchased"]


def test_intervals_that_went_by_unseen_are_not_made_up_for() -> None:
    ours = trader(TIME)
    ours.see("100")
    ours.wait(3 * 3600 + 1800)
    assert len(bought(ours)) == 2
    ours.wait(1799)
    assert len(bought(ours)) == 2
    ours.wait(1)
    assert len(bought(ours)) == 3


def test_skips_what_is_too_dear_and_says_so() -> None:
    ours = trader(TIME, only_below="90")
    ours.see("90")
    assert ours.records[-1].reason == "ask 90 is not below 90"
    ours.see("89")
    assert bought(ours) == []
    ours.wait(3600)
    assert bought(ours) == ["0.56179"]


def test_stops_when_the_budget_is_spent() -> None:
    ours = trader(TIME, budget="100")
    ours.see("100")
    for _ in range(3):
        ours.wait(3600)
    assert bought(ours) == ["0.50000", "0.50000"]
    assert kinds(ours)[-1] == "purchase_skipped"


def test_a_purchase_that_fails_is_tried_again_until_the_next_is_due() -> None:
    ours = trader(TIME)
    ours.venue.fates.extend([Fate.REFUSED] * 40)
    ours.see("100")
    for _ in range(36):
        ours.wait(100)
    ours.venue.fates.clear()
    assert "purchase_missed" in kinds(ours)
    ours.wait(300)
    assert bought(ours) == ["0.50000"]


def test_a_crash_between_two_purchases_makes_no_third() -> None:
    ours = trader(TIME)
    ours.see("100")
    ours.crash()
    ours.deliver()
    ours.see("100")
    assert len(bought(ours)) == 1


# By price


def seeing(*prices: str, **changes: Any) -> Trader:
    ours = trader(PRICE, **changes)
    for price in prices:
        ours.see(price)
    return ours


def state(ours: Trader) -> PriceState:
    deal = ours.state.strategy_state.price
    assert isinstance(deal, PriceState)
    return deal


@pytest.mark.parametrize(
    ("prices", "open_orders"),
    [
        pytest.param(["100"], [*RUNGS, ("S:TP1", "0.999", "101.11")], id="in the market from the first moment"),
        pytest.param(
            ["100", "99"],
            # 2.0080899 for 199.9999: 99.5970... each.
            [*RUNGS[1:], ("S:TP1", "2.00808", "100.60")],
            id="a safety order fills: the target comes down",
        ),
        pytest.param(
            ["100", "99", "97"],
            # 4.06787805 for 399.99935: 98.3311... each.
            [RUNGS[2], ("S:TP1", "4.06787", "99.32")],
            id="and further down",
        ),
    ],
)
def test_what_stands_as_the_price_moves(prices: list[str], open_orders: list[tuple[str, str, str]]) -> None:
    assert seeing(*prices).open_orders() == open_orders


def test_a_sale_ends_the_deal_and_the_next_begins() -> None:
    ours = seeing("100", "101.11")
    closed = next(line for line in ours.records if line.kind == "deal_closed")
    assert D(closed.detail["profit"]) == D("0.999") * D("101.11") * D("0.999") - 100
    assert state(ours).deal.number == 2
    assert state(ours).base_price == D("101.11")


def test_takes_profit_in_steps() -> None:
    steps = [{"above_pct": "1", "share_pct": "50"}, {"above_pct": "2", "share_pct": "50"}]
    ours = seeing("100", take_profit=steps)
    assert ours.open_orders()[3:] == [("S:TP1", "0.4995", "101.11"), ("S:TP2", "0.4995", "102.11")]
    ours.see("101.11")
    assert ours.open_orders()[3:] == [("S:TP2", "0.4995", "102.11")]
    assert state(ours).deal.number == 1


def test_trails_instead_of_a_target() -> None:
    trail = {"take_profit": [], "trail_pct": "1", "trail_start_pct": "2"}
    ours = seeing("100", "102.2", "105", "103.96", **trail)
    assert state(ours).deal.number == 1
    ours.see("103.95")
    assert ours.records[-3].reason == "bid 103.95 is 1 % below its peak 105"
    assert state(ours).deal.number == 2


def test_stops_below_the_base_order() -> None:
    ours = seeing("100", "99", "97", "93", "90.01", stop_pct="10")
    assert state(ours).deal.number == 1
    ours.see("90")
    assert state(ours).deal.number == 2
    assert ours.records[-3].reason == "bid 90 at or below the stop 90"


def test_rests_between_two_deals() -> None:
    ours = seeing("100", "101.11", cool_down_s=60)
    assert ours.open_orders() == []
    ours.wait(59)
    assert ours.open_orders() == []
    ours.wait(1)
    assert state(ours).deal.number == 2


def test_only_so_many_safety_orders_wait_at_a_time() -> None:
    ours = seeing("100", safety_orders_open=1)
    assert ours.open_orders()[:-1] == RUNGS[:1]
    ours.see("99")
    assert ours.open_orders()[:-1] == RUNGS[1:2]


def test_two_hundred_safety_orders() -> None:
    ours = trader(PRICE, safety_orders=200, safety_orders_open=3, step_pct="0.2", step_scale="1", volume_scale="1.001")
    ours.see("100")
    assert [price for _, _, price in ours.open_orders()[:3]] == ["99.80", "99.60", "99.40"]
    assert len(state(ours).rungs) == 200


def test_closes_when_told_to() -> None:
    ours = seeing("100", cool_down_s=60)
    until = ours.venue.now + timedelta(hours=1)
    ours.hear(CommandReceived(Command(id="c", name="close", at=ours.venue.now, expires_at=until)))
    ours.deliver()
    assert ours.open_orders() == []
    assert ours.venue.total("BTC") < D("0.00001")


@pytest.mark.parametrize(
    ("params", "change", "field"),
    [
        (TIME, {"interval_s": 59}, "interval_s"),
        (TIME, {"amount": "0"}, "amount"),
        (TIME, {"base_order": "1"}, "base_order"),
        (PRICE, {"mode": None}, "mode"),
        (PRICE, {"safety_orders": 201}, "safety_orders"),
        (PRICE, {"step_scale": "10"}, "step_scale"),
        (PRICE, {"take_profit": [{"above_pct": "1", "share_pct": "50"}]}, "take_profit"),
        (PRICE, {"take_profit": []}, "take_profit"),
        (PRICE, {"take_profit": [{"above_pct": "0", "share_pct": "100"}]}, "take_profit[0].above_pct"),
        (PRICE, {"stop_pct": "7"}, "stop_pct"),
    ],
)
def test_params_are_refused_by_their_field(params: dict[str, Any], change: dict[str, Any], field: str) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse_params("dca", params | change)
    assert refused.value.problems[0].field == field


@settings(max_examples=40, deadline=None)
@given(storms(), st.sampled_from([None, "95"]))
def test_by_time_lives_through_any_weather(storm: list[Any], only_below: str | None) -> None:
    params = TIME | {"amount": "15", "interval_s": 60, "only_below": only_below}
    ride(Trader(market(), "dca", params, limits=LIMITS), storm)


@settings(max_examples=60, deadline=None)
@given(storms(), st.sampled_from([None, "12"]), st.sampled_from(["0", "1"]), st.integers(1, 3))
def test_by_price_lives_through_any_weather(storm: list[Any], stop: str | None, trail: str, waiting: int) -> None:
    steps = [{"above_pct": "1", "share_pct": "40"}, {"above_pct": "2", "share_pct": "30" if trail != "0" else "60"}]
    params = PRICE | {
        "base_order": "15",
        "safety_order": "12",
        "volume_scale": "1.5",
        "safety_orders_open": waiting,
        "take_profit": steps,
        "trail_pct": trail,
        "trail_start_pct": "3",
        "stop_pct": stop,
    }
    limits = {**LIMITS, "open_orders_max": 12}
    ours = Trader(market(), "dca", params, limits=limits)
    ride(ours, storm, limits=limits)
    assert ours.state.memory.books.position(BTC).quantity >= 0
