"""Positions worked by hand, and what holds for every sequence of fills."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, T0, D
from trading.fills import Fill
from trading.ids import Asset, TradeId, VenueOrderId
from trading.orders import Side
from trading.positions import FLAT, LOTS_MAX, Position, change_of, fold


def fill(side: str, quantity: str, price: str, fee: str = "0", asset: str = "USDT", number: int = 0) -> Fill:
    return Fill(
        symbol=BTC,
        trade_id=TradeId(f"t{number}"),
        venue_order_id=VenueOrderId("1"),
        client_order_id=None,
        side=Side(side),
        price=D(price),
        quantity=D(quantity),
        fee=D(fee),
        fee_asset=Asset(asset),
        maker=True,
        at=T0 + timedelta(seconds=number),
    )


def after(*fills: Fill) -> Position:
    position = FLAT
    for one in fills:
        position = fold(position, one)
    return position


@pytest.mark.parametrize(
    ("fills", "quantity", "cost", "realised"),
    [
        pytest.param([fill("buy", "2", "100")], "2", "200", "0", id="bought"),
        pytest.param([fill("buy", "2", "100", "0.2")], "2", "200.2", "0", id="a fee in quote is part of the cost"),
        pytest.param(
            [fill("buy", "2", "100", "0.002", "BTC")], "1.998", "200", "0", id="a fee in base leaves less for the same"
        ),
        pytest.param([fill("buy", "2", "100", "1", "BNB")], "2", "200", "0", id="a fee elsewhere is not in the cost"),
        pytest.param(
            [fill("buy", "1", "100"), fill("buy", "1", "110"), fill("sell", "1", "120", "0.12")],
            "1",
            "110",
            "19.88",
            id="the oldest lot is sold first",
        ),
        pytest.param(
            [fill("buy", "3", "100"), fill("sell", "1", "90"), fill("sell", "2", "110")],
            "0",
            "0",
            "10",
            id="sold in parts",
        ),
        pytest.param(
            [fill("sell", "1", "110"), fill("buy", "1", "100")], "0", "0", "10", id="the sale was told before the buy"
        ),
        pytest.param(
            [fill("buy", "1", "100"), fill("sell", "2", "110"), fill("buy", "1", "90")],
            "0",
            "0",
            "30",
            id="sold past what was known to be held",
        ),
        pytest.param(
            [fill("buy", "0.001", "100", "0.001", "BTC")], "0.000", "0", "-0.1", id="a fee that eats the whole fill"
        ),
    ],
)
def test_a_position_by_hand(fills: list[Fill], quantity: str, cost: str, realised: str) -> None:
    position = after(*fills)
    assert (position.quantity, position.cost, position.realised) == (D(quantity), D(cost), D(realised))


def test_counts_wins_losses_and_the_streak() -> None:
    rounds = [("100", "101"), ("100", "98"), ("100", "99"), ("100", "105"), ("100", "97")]
    fills = [one for buy, sell in rounds for one in (fill("buy", "1", buy), fill("sell", "1", sell))]
    position = after(*fills)
    assert (position.wins, position.won, position.losses, position.lost) == (2, D(6), 3, D(6))
    assert (position.losses_in_row, after(*fills[:6]).losses_in_row) == (1, 2)


def test_average_cost_and_what_is_not_realised_yet() -> None:
    position = after(fill("buy", "1", "100", "0.001", "BTC"), fill("buy", "1", "110", "0.001", "BTC"))
    assert position.average_cost == D(210) / D("1.998")
    assert position.unrealised(D(120)) == D("29.76")
    assert FLAT.average_cost is None


amounts = st.integers(1, 10**9).map(lambda n: Decimal(n) / 10**5)
prices = st.integers(1, 10**8).map(lambda n: Decimal(n) / 10**2)


@st.composite
def many_fills(draw: st.DrawFn) -> list[Fill]:
    fills = []
    for number in range(draw(st.integers(0, 30))):
        quantity, price = draw(amounts), draw(prices)
        side = draw(st.sampled_from(["buy", "sell"]))
        asset = draw(st.sampled_from(["BTC", "USDT", "BNB"]))
        fee = (quantity if asset == "BTC" else quantity * price) * Decimal("0.00075")
        fills.append(fill(side, str(quantity), str(price), str(fee), asset, number))
    return fills


def sums(fills: Iterable[Fill]) -> tuple[Decimal, Decimal]:
    changes = [change_of(one) for one in fills]
    return sum((quantity for quantity, _ in changes), D(0)), sum((cost for _, cost in changes), D(0))


@given(many_fills())
def test_no_fraction_is_lost_or_made(fills: list[Fill]) -> None:
    position = after(*fills)
    quantity, cost = sums(fills)
    assert position.quantity == quantity == sum((lot.quantity for lot in position.lots), D(0))
    assert position.cost == sum((lot.cost for lot in position.lots), D(0))
    assert position.realised == position.cost - cost
    assert position.realised == position.won - position.lost + _unscored(fills)


def _unscored(fills: list[Fill]) -> Decimal:
    """What a fee that ate a whole fill cost: no trade was closed by it."""
    total, position = D(0), FLAT
    for one in fills:
        before, position = position, fold(position, one)
        if (before.wins, before.losses) == (position.wins, position.losses):
            total += position.realised - before.realised
    return total


@given(many_fills())
def test_lots_are_all_on_one_side(fills: list[Fill]) -> None:
    assert len({lot.quantity > 0 for lot in after(*fills).lots}) <= 1


@given(many_fills(), st.randoms(use_true_random=False))
def test_a_sale_told_late_changes_nothing_in_the_end(fills: list[Fill], random: object) -> None:
    """First in, first out pairs the n-th unit sold with the n-th bought, in whatever order the two sides are told."""
    buys = [one for one in fills if one.side is Side.BUY]
    sales = [one for one in fills if one.side is Side.SELL]
    mixed: list[Fill] = []
    left, right = list(buys), list(sales)
    while left or right:
        take = left if not right or (left and random.random() < 0.5) else right  # type: ignore[attr-defined]
        mixed.append(take.pop(0))
    one, other = after(*fills), after(*mixed)
    assert one.quantity == other.quantity
    assert abs(one.realised - other.realised) < D("1E-9")


def test_lots_stay_few_and_their_sums_exact() -> None:
    fills = [fill("buy", "0.3", str(100 + number), "0.0003", "BTC", number) for number in range(1000)]
    position = after(*fills)
    assert len(position.lots) == LOTS_MAX
    assert (position.quantity, position.cost) == sums(fills)
