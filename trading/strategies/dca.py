"""DCA: many purchases instead of one, so that no single price decides. Two modes, each in a file of its own.

`time`: the same amount at every interval (`trading.strategies.dca_time`).
`price`: a base order and safety orders below it, sold above their average (`trading.strategies.dca_price`).
"""

import msgspec

from trading.params import Problem
from trading.strategies import dca_price, dca_time
from trading.strategies.contract import Needs, Strategy, View, Wish
from trading.strategies.dca_price import PriceParams, PriceState
from trading.strategies.dca_time import TimeParams, TimeState

DcaParams = TimeParams | PriceParams


class DcaState(msgspec.Struct, frozen=True, kw_only=True):
    """Of the two, the one whose mode is not used stays as it begins."""

    time: TimeState = TimeState()
    price: PriceState = PriceState()


def needs(params: DcaParams) -> Needs:
    return Needs(symbols=(params.symbol,))


def check(params: DcaParams) -> tuple[Problem, ...]:
    return dca_price.check(params) if isinstance(params, PriceParams) else ()


def decide(view: View, state: DcaState, params: DcaParams) -> Wish:
    before: TimeState | PriceState
    if isinstance(params, TimeParams):
        before = state.time
        wish = dca_time.decide(view, before, params)
        after = DcaState(time=wish.state)
    else:
        before = state.price
        wish = dca_price.decide(view, before, params)
        after = DcaState(price=wish.state)
    return Wish(wish.orders, state if wish.state is before else after, wish.notes)


DCA = Strategy(
    name="dca",
    about="Nobody knows the best moment: buy in many steps, by the clock or down the price.",
    params=DcaParams,
    state=DcaState,
    needs=needs,
    decide=decide,
    check=check,
)
