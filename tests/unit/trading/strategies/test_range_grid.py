"""The grid's range mode, worked by hand: lines at 90, 95, 100, 105 and 110; each cell buys for 95 USDT; fee 0.1 %.

The cell 95 to 100 buys 1 at 95, gets 0.999 and sells that at 100: 99.9 less 0.1 %, so it earns 4.8001.
"""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, D, Trader, Venue, instrument
from tests.unit.trading.strategies.storms import LIMITS, market, ride, storms
from trading.events import Command, CommandReceived
from trading.params import ParamsRefused
from trading.strategies import parse_params
from trading.strategies.range_grid import RangeState, profit_per_line

PARAMS: dict[str, Any] = {
    "mode": "range",
    "symbol": "BTC/USDT",
    "lower": "90",
    "upper": "110",
    "lines": 5,
    "quote_per_line": "95",
}
B0, B1, B2, B3 = (
    ("B:0", "1.05555", "90.00"),
    ("B:1", "1", "95.00"),
    ("B:2", "0.95", "100.00"),
    ("B:3", "0.90476", "105.00"),
)
S0, S1, S2 = ("S:0", "1.05449", "95.00"), ("S:1", "0.999", "100.00"), ("S:2", "0.94905", "105.00")


def trader(**changes: Any) -> Trader:
    return Trader(Venue({"USDT": "1000"}), "grid", PARAMS | changes)


def seeing(*prices: str, **changes: Any) -> Trader:
    ours = trader(**changes)
    for price in prices:
        ours.see(price)
    return ours


def state(ours: Trader) -> RangeState:
    grid = ours.state.strategy_state.range
    assert isinstance(grid, RangeState)
    return grid


@pytest.mark.parametrize(
    ("prices", "open_orders"),
    [
        pytest.param(["99"], [B0, B1], id="cells below the price bid, those above wait"),
        pytest.param(["99", "100.01"], [B0, B1, B2], id="until the price has passed their line"),
        pytest.param(["99", "95"], [B0, S1], id="a cell has bought: it offers at the next line"),
        pytest.param(["99", "95", "90"], [S0, S1], id="all have bought"),
        pytest.param(["99", "95", "100"], [B0, B1], id="and sold: it bids again"),
        pytest.param(["99", "95", "100", "95", "100"], [B0, B1], id="over and over"),
    ],
)
def test_what_stands_as_the_price_moves(prices: list[str], open_orders: list[tuple[str, str, str]]) -> None:
    assert seeing(*prices).open_orders() == open_orders


def test_each_turn_earns_the_same_after_fees() -> None:
    ours = seeing("99", "95", "100", "95", "100")
    assert (state(ours).turns, state(ours).profit) == (2, 2 * D("4.8001"))
    assert ours.venue.total("USDT") == 1000 + 2 * D("4.8001")


def test_the_profit_of_a_line_is_known_before_anything_is_bought() -> None:
    params = parse_params("grid", PARAMS)
    assert profit_per_line(params, instrument(), 1) == (D(100) / D(95) * D("0.999") ** 2 - 1) * 100
    ours = seeing("99")
    assert ours.records[0].kind == "grid_opened"


def test_a_grid_whose_fees_eat_its_profit_is_refused() -> None:
    ours = seeing("99", "99.1", "95", lower="99", upper="99.3", lines=3)
    assert [(line.kind, line.reason) for line in ours.records] == [("grid_refused", "a cell would lose to fees")]
    assert not ours.venue.orders


def test_geometric_lines_are_the_same_per_cent_apart() -> None:
    ours = seeing("200", lower="100", upper="121", lines=3, spacing="geometric")
    assert [price for _, _, price in ours.open_orders()] == ["100.00", "110.00"]


def test_buys_at_once_for_the_cells_above_when_asked_to() -> None:
    ours = seeing("99", buy_at_start=True)
    # 95 / 99 = 0.95959 bought twice at 99, and offered at 105 and 110.
    assert ours.open_orders() == [B0, B1, ("S:2", "0.95863", "105.00"), ("S:3", "0.95863", "110.00")]
    ours.see("105")
    assert ours.open_orders() == [B0, B1, B2, ("S:3", "0.95863", "110.00")]


def test_trails_up_by_whole_lines_and_no_further_than_allowed() -> None:
    ours = seeing("111", "114.99", trail_up_lines=1)
    assert ours.open_orders() == [B0, B1, B2, B3]
    ours.see("115")
    assert ours.open_orders() == [B1, B2, B3, ("B:4", "0.86363", "110.00")]
    ours.see("125")
    assert state(ours).moved == 1


def test_trails_down_and_keeps_offering_what_the_upper_cells_hold() -> None:
    ours = seeing("111", "105", "100", "95", "90", "85.01", trail_down_lines=2)
    held = [("S:0", "1.05449", "95.00"), S1, S2, ("S:3", "0.90385", "110.00")]
    assert ours.open_orders() == held
    ours.see("85")
    assert [cell.number for cell in state(ours).cells] == [-1, 0, 1, 2, 3]
    assert ours.open_orders() == held  # its new cell is bought at 85 when the price comes from above
    ours.see("86")
    assert ours.open_orders() == [("B:-1", "1.11764", "85.00"), *held]


def test_a_range_that_moved_down_comes_back_up_with_the_price() -> None:
    ours = seeing("111", "105", "100", "95", "90", "85", "86", "110", trail_down_lines=1)
    assert [(cell.number, cell.cycle) for cell in state(ours).cells] == [(0, 2), (1, 2), (2, 2), (3, 2)]
    assert ours.open_orders() == [B0, B1, B2, B3]


def test_a_cell_that_comes_back_trades_under_a_new_name() -> None:
    ours = seeing("111", "115", "89", trail_up_lines=1, trail_down_lines=1)
    assert len({order.client_order_id for order in ours.venue.orders.values()}) == len(ours.venue.orders)


@pytest.mark.parametrize(("changes", "price"), [({"stop_price": "88"}, "88"), ({"take_profit_price": "115"}, "115")])
def test_stop_and_take_profit_sell_everything_and_end_the_grid(changes: dict[str, Any], price: str) -> None:
    ours = seeing("99", "95", buy_at_start=True, **changes)
    ours.see(price)
    assert ours.open_orders() == []
    assert ours.venue.total("BTC") < D("0.0001")
    assert state(ours).course == "ended"
    ours.see("99")
    assert ours.open_orders() == []


def test_ends_when_told_to() -> None:
    ours = seeing("99", "95")
    until = ours.venue.now + timedelta(hours=1)
    ours.hear(CommandReceived(Command(id="c", name="close", at=ours.venue.now, expires_at=until)))
    ours.deliver()
    assert state(ours).course == "ended"


def test_a_purchase_that_the_price_left_half_done_is_sold_as_far_as_it_went() -> None:
    ours = trader()
    ours.see("99")
    ours.venue.slice = D("0.4")
    ours.see("95")
    assert ours.open_orders() == [B0, ("B:1", "0.6", "95.00")]
    ours.venue.slice = None
    ours.see("100")
    assert ours.open_orders() == [B0, B1]
    assert [str(fill.quantity) for _, fill in ours.venue.fills] == ["0.4", "0.39960"]


@pytest.mark.parametrize(
    ("change", "field", "allowed"),
    [
        ({"upper": "90"}, "upper", "above lower (90)"),
        ({"lines": 1}, "lines", "integer at least 2 at most 201"),
        ({"spacing": "list"}, "spacing", "arithmetic or geometric"),
        ({"stop_price": "90"}, "stop_price", "below lower (90)"),
        ({"take_profit_price": "110"}, "take_profit_price", "above upper (110)"),
    ],
)
def test_params_are_refused_with_field_value_and_range(change: dict[str, Any], field: str, allowed: str) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse_params("grid", PARAMS | change)
    assert [(problem.field, problem.allowed) for problem in refused.value.problems] == [(field, allowed)]


@settings(max_examples=60, deadline=None)
@given(
    storms(),
    st.booleans(),
    st.sampled_from([None, "87"]),
    st.integers(0, 2),
    st.sampled_from(["arithmetic", "geometric"]),
)
def test_lives_through_any_weather(
    storm: list[Any], at_start: bool, stop: str | None, trail: int, spacing: str
) -> None:
    params = PARAMS | {
        "quote_per_line": "20",
        "buy_at_start": at_start,
        "stop_price": stop,
        "trail_up_lines": trail,
        "trail_down_lines": trail,
        "spacing": spacing,
    }
    limits = {**LIMITS, "open_orders_max": 12}
    ours = Trader(market(), "grid", params, limits=limits)
    ride(ours, storm, limits=limits)
    assert ours.state.memory.books.position(BTC).quantity >= 0
