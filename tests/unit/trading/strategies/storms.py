"""Rough weather for any strategy: prices jump, orders are refused, answers are lost, the process dies.

The simulated trader and venue check all the way that the same facts give the same answer, that a second look decides
nothing, and that no order breaks the market's rules. What is left to check here: the limits held, and the books agree.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, D, Fate, Trader, Venue, instrument
from trading.ids import Asset, Symbol, base_of
from trading.orders import Side
from trading.state import TraderState

LIMITS: Mapping[str, Any] = {
    "exposure_max": "180",
    "exposure_symbol_max": "120",
    "open_orders_max": 5,
    "orders_per_minute_max": 20,
    "daily_loss_max_pct": "100",
    "drawdown_max_pct": "100",
}

Step = tuple[str, Any]


def storms(symbols: Sequence[Symbol] = (BTC,), length: int = 30) -> st.SearchStrategy[list[Step]]:
    prices = st.integers(8500, 11500).map(lambda cents: Decimal(cents) / 100)
    return st.lists(
        st.one_of(
            st.tuples(st.just("move"), st.tuples(st.sampled_from(symbols), prices, st.sampled_from(["0", "0.05"]))),
            st.tuples(st.just("wait"), st.sampled_from([1, 5, 31, 400])),
            st.tuples(st.just("slice"), st.sampled_from(["0.07", "0.31313", None])),
            st.tuples(st.just("fate"), st.sampled_from(Fate)),
            st.tuples(st.sampled_from(["settle", "crash"]), st.none()),
        ),
        min_size=12,
        max_size=length,
    )


def ride(
    trader: Trader,
    storm: Sequence[Step],
    act: Callable[[str, Any], None] | None = None,
    limits: Mapping[str, Any] = LIMITS,
) -> None:
    """Let a trader live through it. `act` takes the steps that are none of the weather's own."""
    venue = trader.venue
    opening = {asset: venue.total(asset) for asset in venue.free}
    trader.watch = lambda state: _check_limits(state, limits)
    for action, with_ in storm:
        match action:
            case "move":
                symbol, price, spread = with_
                venue.move(price, price + D(spread), symbol)
            case "wait":
                trader.wait(with_)
            case "slice":
                venue.slice = None if with_ is None else D(with_)
            case "fate":
                venue.fates.append(with_)
            case "settle":
                venue.settle()
            case "crash":
                trader.crash()
            case _ if act is not None:
                act(action, with_)
        trader.deliver()
    venue.fates.clear()
    venue.settle()
    trader.deliver()
    trader.wait(1)
    flows = trader.state.memory.books.flows
    for asset, amount in opening.items():
        assert amount + flows.get(Asset(asset), D(0)) == venue.total(asset)
    assert not [line for line in trader.records if line.kind == "strategy_error"]


def market(symbols: Sequence[Symbol] = (BTC,), **balances: str) -> Venue:
    return Venue(balances or {"USDT": "1000"}, {symbol: instrument(symbol) for symbol in symbols})


def _check_limits(state: TraderState, limits: Mapping[str, Any]) -> None:
    """What is bid for, and what our fills hold at the price paid, stays below what risk allows."""
    live = [order for facts in state.slots.values() for order in facts.live]
    assert len(live) <= limits["open_orders_max"]
    assert len(state.sent_at) <= limits["orders_per_minute_max"] + sum(order.side is Side.SELL for order in live)
    for symbol in state.needs.symbols:
        buys = [order for order in live if order.symbol == symbol and order.side is Side.BUY]
        bid_for = sum((order.remaining * (order.price or D(0)) for order in buys), D(0))
        assert bid_for <= D(limits["exposure_symbol_max"])
        assert state.balances.get(base_of(symbol), (D(0), D(0)))[0] >= 0
