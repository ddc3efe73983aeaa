"""The rebalance strategy's specification, worked by hand.

500 USDT, 4 BTC at 100 and 10 ETH at 10 are worth 1000. Targets are 50 % BTC and 30 % ETH, so 100 of BTC and 200 of ETH
are missing. Orders are of 5 %: 50; a step is 1 %, gaps below 20 are left alone.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, ETH, D, Fate, Trader, Venue, instrument, quote
from tests.unit.trading.strategies.storms import LIMITS, market, ride, storms
from trading.events import Command, CommandReceived
from trading.ids import Asset, Symbol
from trading.params import ParamsRefused
from trading.strategies import parse_params
from trading.strategies.rebalance import Plan, plan

PARAMS: dict[str, Any] = {
    "quote": "USDT",
    "targets": {"BTC": "50", "ETH": "30"},
    "order_size_pct": "5",
    "order_step_pct": "1",
    "min_delta_quote": "20",
}
FUNDS = {"USDT": "500", "BTC": "4", "ETH": "10"}


def planned(
    funds: dict[str, str] | None = None,
    btc: str = "100",
    eth: str = "10",
    busy: Collection[Symbol] = (),
    **changes: Any,
) -> Plan:
    return plan(
        parse_params("rebalance", PARAMS | changes),
        quotes={BTC: quote(btc), ETH: quote(eth, symbol=ETH)},
        instruments={BTC: instrument(BTC), ETH: instrument(ETH)},
        balances={Asset(asset): (D(amount), D(0)) for asset, amount in (funds or FUNDS).items()},
        busy=busy,
    )


def trader(funds: dict[str, str] | None = None, **changes: Any) -> Trader:
    venue = Venue(funds or FUNDS, {BTC: instrument(BTC), ETH: instrument(ETH)})
    ours = Trader(venue, "rebalance", PARAMS | changes)
    ours.see("10", symbol=ETH)
    ours.see("100")
    return ours


def told(ours: Trader, name: str) -> None:
    id_ = f"cmd_{len(ours.state.memory.commands) + 1}"
    until = ours.venue.now + timedelta(hours=1)
    ours.hear(CommandReceived(Command(id=id_, name=name, at=ours.venue.now, expires_at=until)))
    ours.deliver()


@pytest.mark.parametrize(
    ("case", "lines"),
    [
        # 50 / 99 = 0.505050..., and 50 / 9.90 = 5.050505...
        ({}, [("buy", "100", "0.50505", "99.00"), ("buy", "200", "5.05050", "9.90")]),
        # NAV is 960, orders are 48: BTC is 32 short, and 48 would leave a gap of 16; for ETH 48 / 5.94 = 8.080808...
        ({"eth": "6"}, [("buy", "80", "0.48484", "99.00"), ("buy", "228", "8.08080", "5.94")]),
        # BTC at 200: NAV 1400, orders of 70. BTC is 100 too much: 70 / 202 = 0.346534...; ETH 320 too little.
        ({"btc": "200"}, [("sell", "-100", "0.34653", "202.00"), ("buy", "320", "7.07070", "9.90")]),
        # A gap of 20 is acted on, one below is not: 4.8 BTC are 480 of 1000, 4.81 are 481 of 1001 (half is 500.5).
        (
            {"funds": {"USDT": "220", "BTC": "4.8", "ETH": "30"}, "order_size_pct": "3"},
            [("buy", "20", "0.30303", "99.00"), ("balanced", "0", "0", "0")],
        ),
        (
            {"funds": {"USDT": "220", "BTC": "4.81", "ETH": "30"}, "order_size_pct": "3"},
            [("balanced", "19.50", "0", "0"), ("balanced", "0.30", "0", "0")],
        ),
        # An order of 50 for a gap of 20 would leave one of 30.
        (
            {"funds": {"USDT": "220", "BTC": "4.8", "ETH": "30"}},
            [("overshoots", "20", "0", "0"), ("balanced", "0", "0", "0")],
        ),
        # Nor one of 40 for it: 39.6 / 99 = 0.4, which are 40 at the market, and the next one would be sold again.
        (
            {"funds": {"USDT": "220", "BTC": "4.8", "ETH": "30"}, "order_size_pct": "3.96"},
            [("overshoots", "20", "0", "0"), ("balanced", "0", "0", "0")],
        ),
        # With a target of 0 the last of it goes, though it is less than an order.
        (
            {"funds": {"USDT": "800", "BTC": "0.3", "ETH": "27"}, "targets": {"BTC": "0", "ETH": "25"}},
            [("sell", "-30", "0.30000", "101.00"), ("balanced", "5", "0", "0")],
        ),
        # 60 left to spend: BTC takes 50 of it (less what the lot cuts off), ETH the rest.
        (
            {"funds": {"USDT": "60", "BTC": "4.4", "ETH": "50"}, "targets": {"BTC": "52", "ETH": "48"}},
            [("buy", "80", "0.50505", "99.00"), ("overshoots", "-20", "0", "0")],
        ),
        # What is left to spend is below the smallest order.
        (
            {"funds": {"USDT": "4", "BTC": "4.46", "ETH": "55"}, "targets": {"BTC": "60", "ETH": "40"}},
            [("unfit", "154.0", "0", "0"), ("sell", "-150", "4.95049", "10.10")],
        ),
    ],
)
def test_a_plan(case: dict[str, Any], lines: list[tuple[str, str, str, str]]) -> None:
    found = planned(**case)
    assert [(str(line.verdict), line.gap, line.quantity, line.limit) for line in found.lines] == [
        (verdict, D(gap), D(quantity), D(limit)) for verdict, gap, quantity, limit in lines
    ]


def test_a_plan_shows_what_it_rests_on() -> None:
    found = planned()
    assert (found.nav, found.order_size) == (D(1000), D(50))
    line = found.lines[0]
    assert (line.symbol, line.price, line.held, line.value, line.target) == (BTC, D(100), D(4), D(400), D(500))


def test_locked_funds_count_as_held_and_are_not_spent() -> None:
    found = plan(
        parse_params("rebalance", PARAMS),
        quotes={BTC: quote("100"), ETH: quote("10", symbol=ETH)},
        instruments={BTC: instrument(BTC), ETH: instrument(ETH)},
        balances={Asset("USDT"): (D(30), D(470)), Asset("BTC"): (D(0), D(4)), Asset("ETH"): (D(10), D(0))},
    )
    assert found.nav == 1000
    assert [line.quantity for line in found.lines] == [D("0.30303"), D(0)]


def test_the_reason_of_an_order_that_cannot_be_is_told() -> None:
    funds = {"USDT": "4", "BTC": "4.46", "ETH": "55"}
    found = planned(funds=funds, targets={"BTC": "60", "ETH": "40"})
    assert found.lines[0].reason == "notional_min: 3.9996000 against 5"


def test_a_market_with_an_order_is_left_alone() -> None:
    assert [line.verdict for line in planned(busy={BTC}).lines] == ["order_active", "buy"]


def test_executes_what_it_plans() -> None:
    ours = trader()
    found = planned()
    assert ours.open_orders() == [
        (f"R:{line.symbol}", str(line.quantity.normalize()), str(line.limit)) for line in found.lines
    ]


def test_looks_again_every_interval_and_leaves_a_line_each_time() -> None:
    ours = trader(interval_s=30)
    ours.wait(29)
    assert [line.kind for line in ours.records] == ["rebalance_tick"]
    ours.wait(1)
    assert [(line.kind, line.reason) for line in ours.records] == [
        ("rebalance_tick", "2 of 2 traded"),
        ("rebalance_tick", "nothing to trade"),
    ]
    assert [line["verdict"] for line in ours.records[-1].detail["lines"]] == ["order_active", "order_active"]


def test_after_a_fill_the_next_step_is_at_the_next_price() -> None:
    ours = trader()
    ours.see("98.99")
    assert ours.open_orders() == [("R:ETH/USDT", "5.0505", "9.90")]
    ours.wait(30)
    # 450.00005 USDT, 4.50454495 BTC at 98.99 and 100 in ETH are 995.9049...: an order is 49.795..., at 98.00.
    assert ours.open_orders()[0] == ("R:BTC/USDT", "0.50811", "98.00")


def test_balances_may_lag_behind_a_fill_so_its_market_rests_a_moment() -> None:
    ours = trader(interval_s=1)
    ours.wait(8)
    ours.see("98.99")
    ours.wait(1)
    assert [slot for slot, _, _ in ours.open_orders()] == ["R:ETH/USDT"]
    ours.wait(4)
    assert [slot for slot, _, _ in ours.open_orders()] == ["R:BTC/USDT", "R:ETH/USDT"]


def test_an_order_that_the_market_left_behind_is_withdrawn_and_set_anew_one_interval_later() -> None:
    ours = trader()
    ours.see("101.02")  # 2 % of it is 2.0204: 99 is still near enough
    ours.wait(30)
    assert ours.open_orders()[0] == ("R:BTC/USDT", "0.50505", "99.00")
    ours.see("101.03")
    ours.wait(30)
    assert ours.open_orders() == [("R:ETH/USDT", "5.0505", "9.90")]
    ours.wait(30)
    assert ours.open_orders()[0] == ("R:BTC/USDT", "0.502", "100.01")  # 50.206 / 100.01


def test_an_order_on_the_side_that_is_wanted_no_more_is_withdrawn() -> None:
    ours = trader(order_step_pct="40")
    ours.see("170")  # 680 of 1280: 40 too much
    ours.wait(30)
    assert [slot for slot, _, _ in ours.open_orders()] == ["R:ETH/USDT"]
    assert ours.records[-1].detail["withdrawn"] == ["BTC/USDT"]


def test_what_could_not_be_sent_within_an_interval_is_planned_anew() -> None:
    ours = trader(automatic=False)
    ours.venue.now += timedelta(seconds=20)  # the quotes are old now: risk refuses entries
    told(ours, "execute")
    assert ours.open_orders() == []
    assert {line.detail["rule"] for line in ours.records if line.kind == "refused"} == {"stale_data"}
    ours.venue.now += timedelta(seconds=30)
    ours.see("100")
    ours.see("10", symbol=ETH)
    assert ours.open_orders() == []


def test_by_hand_it_acts_only_when_told() -> None:
    ours = trader(automatic=False)
    ours.wait(300)
    assert ours.open_orders() == []
    assert ours.records == []
    told(ours, "execute")
    assert [slot for slot, _, _ in ours.open_orders()] == ["R:BTC/USDT", "R:ETH/USDT"]


def test_by_hand_is_refused_while_it_is_automatic() -> None:
    ours = trader()
    told(ours, "execute")
    assert (ours.records[-1].kind, ours.records[-1].reason) == (
        "command_refused",
        "it executes by itself every 30 s; switch automatic off first",
    )


def test_an_order_whose_fate_is_open_keeps_its_market_busy() -> None:
    ours = trader(automatic=False)
    ours.venue.fates.append(Fate.ANSWER_LOST)
    told(ours, "execute")
    ours.wait(3000)
    told(ours, "execute")
    assert ours.records[-1].detail["lines"][0]["verdict"] == "order_active"
    assert len([order for order in ours.venue.orders.values() if order.symbol == BTC]) == 1


@pytest.mark.parametrize("size", ["1", "5", "20"])
def test_comes_to_rest_within_the_smallest_gap_or_half_an_order(size: str) -> None:
    ours = trader(order_size_pct=size)
    for _ in range(150):
        for btc, eth in (("101", "10.1"), ("99", "9.9"), ("100", "10")):
            ours.see(btc)
            ours.see(eth, symbol=ETH)
        ours.wait(30)
    balances = {asset: str(ours.venue.total(asset)) for asset in FUNDS}
    found = planned(funds=balances, order_size_pct=size)
    assert all(abs(line.gap) <= max(D(20), found.order_size / 2) + 1 for line in found.lines)
    assert {str(line.verdict) for line in found.lines} <= {"balanced", "overshoots"}


@pytest.mark.parametrize(
    ("change", "field", "allowed"),
    [
        ({"targets": {}}, "targets", "object"),
        ({"targets": {"BTC": "101"}}, "targets.BTC", "number at least 0 at most 100"),
        ({"targets": {"btc": "10"}}, "targets", "object"),
        ({"targets": {"BTC": "60", "ETH": "41"}}, "targets", "shares of at most 100 together"),
        ({"targets": {"USDT": "10"}}, "targets", "assets other than quote, which keeps what they leave"),
        ({"order_size_pct": "0"}, "order_size_pct", "number above 0 at most 100"),
        ({"order_step_pct": "50"}, "order_step_pct", "number above 0 below 50"),
        ({"min_delta_quote": "NaN"}, "min_delta_quote", "number above 0 at most 1000000000000000"),
        ({"interval_s": 0}, "interval_s", "integer at least 1 at most 86400"),
    ],
)
def test_params_are_refused_with_field_value_and_range(change: dict[str, Any], field: str, allowed: str) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse_params("rebalance", PARAMS | change)
    assert [(problem.field, problem.allowed) for problem in refused.value.problems] == [(field, allowed)]


@settings(max_examples=50, deadline=None)
@given(storms(symbols=(BTC, ETH)), st.sampled_from(["2", "10"]), st.booleans())
def test_keeps_limits_rules_and_books_in_any_weather(storm: Any, size: str, automatic: bool) -> None:
    venue = market((BTC, ETH), USDT="500", BTC="1", ETH="2")
    params = PARAMS | {"order_size_pct": size, "automatic": automatic}
    ours = Trader(venue, "rebalance", params, limits=LIMITS)
    ours.see("100")
    ours.see("100", symbol=ETH)
    ride(ours, [*storm, ("execute", None)], lambda _action, _with: told(ours, "execute"))
    assert all(len(facts.live) <= 1 for facts in ours.state.slots.values())
