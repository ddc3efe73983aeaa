"""Whatever anybody does, in whatever order: nothing is made, nothing is lost, and nobody gets worse than asked for."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paper.errors import Refused
from paper.fixed import units
from tests.unit.paper.floor import Floor

PRICES = st.integers(9_500, 10_500).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")
QUANTITIES = st.integers(50, 9_000).map(lambda lots: f"{lots // 1000}.{lots % 1000:03d}")
TRADERS = st.sampled_from(("ann", "bob", "cid"))
SIDES = st.sampled_from(("BUY", "SELL"))

limits = st.tuples(
    st.just("place"),
    TRADERS,
    SIDES,
    st.sampled_from(("LIMIT", "LIMIT_MAKER")),
    QUANTITIES,
    PRICES,
    st.just("0"),
    st.fixed_dictionaries({"tif": st.sampled_from(("GTC", "IOC", "FOK"))}),
)
markets = st.tuples(
    st.just("place"), TRADERS, SIDES, st.just("MARKET"), QUANTITIES, st.just("0"), st.just("0"), st.just({})
)
amounts = st.tuples(
    st.just("place"),
    TRADERS,
    SIDES,
    st.just("MARKET"),
    st.just("0"),
    st.just("0"),
    st.just("0"),
    st.fixed_dictionaries({"quote": PRICES}),
)
stops = st.tuples(
    st.just("place"),
    TRADERS,
    SIDES,
    st.sampled_from(("STOP_LOSS", "TAKE_PROFIT", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT")),
    QUANTITIES,
    PRICES,
    PRICES,
    st.sampled_from(({}, {"trailing": "50"})),
)
lists = st.tuples(st.just("oco"), TRADERS, SIDES, QUANTITIES, PRICES, PRICES, PRICES)
cancels = st.tuples(st.just("cancel"), TRADERS, st.integers(0, 50))
crowds = st.tuples(st.just("crowd"), st.booleans(), PRICES, QUANTITIES)
moves = st.tuples(st.just("funds"), TRADERS, st.sampled_from(("ABC", "USDT", "BNB")), st.integers(-300, 300))
days = st.lists(st.one_of(limits, limits, markets, amounts, stops, lists, cancels, crowds, moves), max_size=30)


def act(floor: Floor, what: str, *more: Any) -> None:
    match what, more:
        case "place", (name, side, kind, quantity, price, stop, extra):
            priced = kind in {"LIMIT", "LIMIT_MAKER"} or kind.endswith("_LIMIT")
            floor.place(floor.state.accounts[name], side, kind, quantity, price if priced else "0", stop, **extra)
        case "oco", (name, side, quantity, limit, stop, price):
            maker = floor.order(side, "LIMIT_MAKER", quantity, limit)
            stopping = floor.order(side, "STOP_LOSS_LIMIT", quantity, price, stop)
            above, below = (maker, stopping) if side == "SELL" else (stopping, maker)
            floor.oco(floor.state.accounts[name], above, below)
        case "cancel", (name, number):
            account = floor.state.accounts[name]
            if account.open_orders:
                floor.cancel(account, list(account.open_orders.values())[number % len(account.open_orders)])
        case "crowd", (buy, price, quantity):
            execution = floor.venue.execution
            execution.rest_house("ABCUSDT", buy, units(price), units(quantity), floor.tick())
            execution.settle(floor.venue.pits["ABCUSDT"], floor.now)
        case "funds", (name, asset, amount):
            floor.venue.move_funds(floor.state.accounts[name], asset, amount * 10**8, floor.tick())


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(days)
def test_every_day_of_trading_conserves_every_asset(day: list[tuple[Any, ...]]) -> None:
    floor = Floor()
    floor.open("ann", discount=True, USDT="2000", ABC="20", BNB="0.002")
    floor.open("bob", USDT="500", ABC="50")
    floor.open("cid", discount=True, USDT="5000")
    for what, *more in day:
        with contextlib.suppress(Refused):
            act(floor, what, *more)
        book = floor.venue.pits["ABCUSDT"].book
        assert book.best_bid is None or book.best_ask is None or book.best_bid < book.best_ask
    floor.check_conservation()
    floor.check_replay()
