"""Several strategies on one account: each trades as if it were alone, with its own capital, and the sums agree."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings

from tests.unit.trading.simulated import BTC, ETH, D, Trader, Venue, instrument
from tests.unit.trading.strategies.storms import LIMITS, market, ride, storms
from trading.params import ParamsRefused
from trading.positions import FLAT
from trading.strategies import BUILT_IN, parse_params

NAIVE = {
    "symbol": "BTC/USDT",
    "dip_pct": "1",
    "target_pct": "2",
    "stop_pct": "3",
    "budget_per_round": "100",
    "budget": "100",
}
DCA = {"mode": "time", "symbol": "BTC/USDT", "amount": "40", "interval_s": 60}
GRID = {"mode": "range", "symbol": "ETH/USDT", "lower": "90", "upper": "110", "lines": 5, "quote_per_line": "20"}


def member(name: str, strategy: str, params: dict[str, Any], capital: str = "100") -> dict[str, Any]:
    return {"name": name, "strategy": strategy, "capital": capital, "params": params}


MEMBERS = [member("dips", "naive", NAIVE), member("saver", "dca", DCA), member("lines", "grid", GRID)]


def trader(*members: dict[str, Any]) -> Trader:
    venue = Venue({"USDT": "1000"}, {BTC: instrument(), ETH: instrument(ETH)})
    return Trader(venue, "portfolio", {"members": list(members or MEMBERS)})


def test_each_member_trades_as_if_it_were_alone() -> None:
    ours = trader()
    ours.see("100", symbol=ETH)
    ours.see("100")
    ours.see("99")
    assert [slot for slot, _, _ in ours.open_orders()] == ["dips~S:1", "lines~B:0", "lines~B:1"]
    alone = Trader(Venue({"USDT": "1000"}), "naive", NAIVE)
    alone.see("100")
    alone.see("99")
    assert [row[1:] for row in ours.open_orders() if row[0] == "dips~S:1"] == [row[1:] for row in alone.open_orders()]


def test_no_member_spends_more_than_its_own() -> None:
    ours = trader()
    ours.see("100", symbol=ETH)
    ours.see("100")
    for _ in range(5):
        ours.wait(60)
    # Two purchases of 40 from a capital of 100; 20 are left, and 700 more belong to nobody.
    assert [fill.quantity for _, fill in ours.venue.fills] == [D("0.40000"), D("0.40000")]
    assert ours.records[-1].reason == "reserved: 40.00000 against 20.00000"


def test_no_member_sells_what_another_bought() -> None:
    ours = trader(member("dips", "naive", NAIVE), member("saver", "dca", DCA))
    for price in ("100", "99", "100.98"):
        ours.see(price)
    ledgers = ours.state.memory.books.ledgers
    assert ledgers["dips"].positions[BTC].quantity == D("0.0000099")
    assert ledgers["saver"].positions[BTC].quantity == D("0.3996")


def test_what_a_member_earned_is_its_own_to_use() -> None:
    ours = trader(member("dips", "naive", NAIVE | {"budget_per_round": "99.5"}))
    for price in ("100", "99", "100.98", "99.9"):
        ours.see(price)
    assert len(ours.venue.fills) == 3


def test_states_survive_a_restart() -> None:
    ours = trader()
    ours.see("100", symbol=ETH)
    for price in ("100", "99"):
        ours.see(price)
    before = msgspec.to_builtins(ours.state.strategy_state)
    ours.wait(16)
    ours.crash()
    ours.deliver()
    assert msgspec.to_builtins(ours.state.strategy_state) == before
    assert len(ours.open_orders()) == 3


def test_a_feed_that_two_members_want_is_asked_for_once() -> None:
    needs = BUILT_IN["portfolio"].needs(parse_params("portfolio", {"members": MEMBERS}))
    assert needs.symbols == (BTC, ETH)


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ([member("a", "naive", NAIVE), member("a", "dca", DCA)], "members"),
        ([member("a", "magic", {})], "members[0].strategy"),
        ([member("a", "portfolio", {})], "members[0].strategy"),
        ([member("a", "dca", DCA), member("b", "naive", NAIVE | {"dip_pct": "0"})], "members[1].params.dip_pct"),
        ([member("a", "naive", NAIVE | {"budget": "1"})], "members[0].params.budget"),
        ([member("A!", "naive", NAIVE)], "members[0].name"),
        ([], "members"),
        ([member("a", "naive", NAIVE), member("b", "dca", DCA | {"symbol": "ETH/BTC"})], "members"),
    ],
)
def test_params_are_refused_by_their_field(members: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse_params("portfolio", {"members": members})
    assert refused.value.problems[0].field == field


@settings(max_examples=60, deadline=None)
@given(storms((BTC, ETH)))
def test_the_sum_of_all_ledgers_is_the_account(storm: list[Any]) -> None:
    params = {"members": [member("dips", "naive", NAIVE), member("saver", "dca", DCA), member("lines", "grid", GRID)]}
    limits = {**LIMITS, "open_orders_max": 15}
    ours = Trader(market((BTC, ETH), USDT="300"), "portfolio", params, limits=limits)
    ride(ours, storm, limits=limits)
    books = ours.state.memory.books
    for asset in books.flows:
        assert books.flows[asset] == sum((ledger.flows.get(asset, D(0)) for ledger in books.ledgers.values()), D(0))
    for symbol, position in books.positions.items():
        parts = [ledger.positions.get(symbol, FLAT) for ledger in books.ledgers.values()]
        assert position.quantity == sum((part.quantity for part in parts), D(0))
        profit = position.realised + position.unrealised(D(100))
        assert abs(profit - sum((part.realised + part.unrealised(D(100)) for part in parts), D(0))) < D("1E-9")
    for name, ledger in books.ledgers.items():
        assert ledger.flows.get("USDT", D(0)) >= -100, name  # type: ignore[call-overload]
