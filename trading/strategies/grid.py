"""Grid: orders in steps below and above a price. Two modes, each in a file of its own.

`basket`: buy a fall in steps and sell the whole of it above its average (`trading.strategies.basket`).
`range`: buy at one line and sell at the next, all over a range (`trading.strategies.range_grid`).
"""

import msgspec

from trading.params import Problem
from trading.strategies import basket, range_grid
from trading.strategies.basket import BasketParams, BasketState
from trading.strategies.contract import Needs, Strategy, View, Wish
from trading.strategies.range_grid import RangeParams, RangeState

GridParams = BasketParams | RangeParams


class GridState(msgspec.Struct, frozen=True, kw_only=True):
    """Of the two, the one whose mode is not used stays as it begins."""

    basket: BasketState = BasketState()
    range: RangeState = RangeState()


def needs(params: GridParams) -> Needs:
    return Needs(symbols=(params.symbol,))


def check(params: GridParams) -> tuple[Problem, ...]:
    return basket.check(params) if isinstance(params, BasketParams) else range_grid.check(params)


def decide(view: View, state: GridState, params: GridParams) -> Wish:
    before: BasketState | RangeState
    if isinstance(params, BasketParams):
        before = state.basket
        wish = basket.decide(view, before, params)
        after = GridState(basket=wish.state)
    else:
        before = state.range
        wish = range_grid.decide(view, before, params)
        after = GridState(range=wish.state)
    return Wish(wish.orders, state if wish.state is before else after, wish.notes)


GRID = Strategy(
    name="grid",
    about="Prices swing: buy in steps on the way down, sell in steps on the way up.",
    params=GridParams,
    state=GridState,
    needs=needs,
    decide=decide,
    check=check,
)
