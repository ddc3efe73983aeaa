"""Each rule of a market refuses what breaks it, with the venue's code and words, and nothing else."""

import pytest

from tests.unit.paper.floor import Floor

PRICE = -1013, "Filter failure: PRICE_FILTER"
PERCENT = -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"
LOT = -1013, "Filter failure: LOT_SIZE"
NOTIONAL = -1013, "Filter failure: NOTIONAL"


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (("BUY", "LIMIT", "1", "100.001"), PRICE),
        (("BUY", "LIMIT", "1", "1000001"), PRICE),
        (("BUY", "LIMIT", "1", "0"), (-1013, "Invalid price.")),
        (("BUY", "LIMIT", "1", "500.01"), PERCENT),
        (("SELL", "LIMIT", "1", "19.99"), PERCENT),
        (("BUY", "LIMIT", "0.0001", "100"), LOT),
        (("BUY", "LIMIT", "0", "100"), (-1013, "Invalid quantity.")),
        (("BUY", "LIMIT", "9000001", "100"), LOT),
        (("BUY", "MARKET", "1000001"), (-1013, "Filter failure: MARKET_LOT_SIZE")),
        (("BUY", "LIMIT", "0.049", "100"), NOTIONAL),
        (("BUY", "LIMIT", "90001", "100"), NOTIONAL),
        (("SELL", "MARKET", "0.049"), NOTIONAL),
        (("SELL", "STOP_LOSS", "1", "0", "95.005"), PRICE),
    ],
)
def test_what_breaks_a_rule_is_refused(floor: Floor, order: tuple[str, ...], refusal: tuple[int, str]) -> None:
    account = floor.open("rich", USDT="100000000", ABC="10000000")
    assert floor.refusal(account, floor.order(*order)) == refusal


@pytest.mark.parametrize(
    "order",
    [
        ("BUY", "LIMIT", "0.001", "5000"),
        ("BUY", "LIMIT", "0.05", "100"),
        ("BUY", "LIMIT", "1", "500"),
        ("SELL", "LIMIT", "1", "20"),
        ("BUY", "LIMIT", "90000", "100"),
    ],
)
def test_what_just_fits_is_accepted(floor: Floor, order: tuple[str, ...]) -> None:
    if order[3] == "5000":
        floor.trade_at("4000")
    account = floor.open("rich", USDT="100000000", ABC="10000000")
    assert floor.place(account, *order).is_open


def test_an_amount_to_spend_must_be_worth_trading(floor: Floor) -> None:
    account = floor.open("rich", USDT="100")
    assert floor.refusal(account, floor.order("BUY", "MARKET", quote="4.99")) == NOTIONAL


@pytest.mark.parametrize("delta", ["9", "2001"])
def test_a_trailing_delta_has_bounds(floor: Floor, delta: str) -> None:
    account = floor.open("rich", ABC="100")
    new = floor.order("SELL", "STOP_LOSS", "1", trailing=delta)
    assert floor.refusal(account, new) == (-1013, "Filter failure: TRAILING_DELTA")


def test_open_orders_are_counted(floor: Floor) -> None:
    account = floor.open("rich", USDT="10000000", ABC="100")
    for _ in range(5):
        floor.place(account, "SELL", "STOP_LOSS", "1", stop="90")
    new = floor.order("SELL", "STOP_LOSS", "1", stop="90")
    assert floor.refusal(account, new) == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    for _ in range(195):
        floor.place(account, "BUY", "LIMIT", "1", "90")
    new = floor.order("BUY", "LIMIT", "1", "90")
    assert floor.refusal(account, new) == (-1013, "Filter failure: MAX_NUM_ORDERS")


def test_a_market_that_is_not_here_is_no_symbol(floor: Floor) -> None:
    new = floor.order("BUY", "LIMIT", "1", "90", symbol="XYZUSDT")
    assert floor.refusal(floor.open("rich", USDT="1000"), new) == (-1121, "Invalid symbol.")
