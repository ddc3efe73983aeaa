"""How a deal is split into parts that the market's rules take."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trading.simulated import D, instrument
from trading.strategies.deal import is_sellable, split


def parts(bought: str, shares: list[str], sold: list[str] | None = None, *, trails: bool = False) -> list[str]:
    """At 100 and above, with at least 5 to be sold."""
    prices = [D(100) + number for number, _ in enumerate(shares)]
    done = [D(quantity) for quantity in sold or ["0"] * len(shares)]
    found = split(
        instrument(), D(bought), shares=[D(share) for share in shares], prices=prices, sold=done, trails=trails
    )
    return [str(quantity.normalize()) for quantity, _ in found]


@pytest.mark.parametrize(
    ("bought", "shares", "trails", "expected"),
    [
        pytest.param("1", ["50", "50"], False, ["0.5", "0.5"], id="halves"),
        pytest.param("1", ["50", "30"], True, ["0.5", "0.3"], id="the rest trails"),
        pytest.param("1", ["50", "30"], False, ["0.5", "0.5"], id="without a trail the last takes the rest"),
        pytest.param("0.08", ["50", "50"], False, ["0", "0.08"], id="too small alone: goes with the next"),
        pytest.param("0.12", ["80", "20"], False, ["0.12", "0"], id="the last too small: goes with the one before"),
        pytest.param("0.12", ["80", "10"], True, ["0.12", "0"], id="a trail too small: goes with the one before"),
        pytest.param("0.08", ["50", "30"], True, ["0", "0.08"], id="all but one too small"),
        pytest.param("0.04", ["50", "50"], False, ["0", "0"], id="nothing can be sold yet"),
        pytest.param("1", [], True, [], id="no targets: all trails"),
        pytest.param("0.100003", ["50", "50"], False, ["0.05", "0.050003"], id="dust goes with the last"),
    ],
)
def test_splits(bought: str, shares: list[str], trails: bool, expected: list[str]) -> None:
    assert parts(bought, shares, trails=trails) == expected


def test_what_one_part_has_sold_already_is_never_sold_again_by_another() -> None:
    # The second took all when 0.08 were held, 0.07 of it are sold; now 0.1 are held.
    assert parts("0.1", ["50", "50"], ["0", "0.07"]) == ["0.03", "0.07"]


@given(
    st.integers(1, 10**6).map(lambda n: Decimal(n) / 10**5),
    st.lists(st.integers(1, 100), min_size=1, max_size=4),
    st.booleans(),
)
def test_parts_add_up_to_no_more_than_there_is_and_leave_nothing_unsellable(
    bought: Decimal, weights: list[int], trails: bool
) -> None:
    shares = [Decimal(weight * (80 if trails else 100)) / sum(weights) for weight in weights]
    prices = [D(100) + number for number, _ in enumerate(shares)]
    found = split(instrument(), bought, shares=shares, prices=prices, sold=[D(0)] * len(shares), trails=trails)
    given_out = sum((quantity for quantity, _ in found), D(0))
    assert given_out <= bought
    for quantity, price in found:
        assert not quantity or is_sellable(instrument(), quantity, price)
    rest = bought - given_out
    if given_out:
        assert not rest or (trails and is_sellable(instrument(), rest, prices[-1]))
