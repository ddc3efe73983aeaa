"""One file per strategy, each pure (see `contract`), and the register of them all.

Strategies of others are plug-ins that the operator installs: an entry point in group `tradefleet.strategies` that names
a `Strategy`. Reading entry points is I/O, so whoever starts a process does that and passes them to `register`.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from trading.params import ParamsRefused, parse_one_of
from trading.strategies.contract import Needs, Strategy, UnknownStrategy
from trading.strategies.dca import DCA
from trading.strategies.deals import DEALS
from trading.strategies.grid import GRID
from trading.strategies.naive import NAIVE
from trading.strategies.portfolio import portfolio
from trading.strategies.rebalance import REBALANCE
from trading.strategies.signal import SIGNAL

ENTRY_POINT_GROUP = "tradefleet.strategies"
SINGLE = {strategy.name: strategy for strategy in (NAIVE, GRID, DCA, DEALS, REBALANCE, SIGNAL)}
BUILT_IN: Mapping[str, Strategy] = {**SINGLE, "portfolio": portfolio(SINGLE)}


def register(plugins: Iterable[Strategy]) -> Mapping[str, Strategy]:
    """The built-in strategies and these. A plug-in cannot take a built-in name."""
    single = {strategy.name: strategy for strategy in plugins} | SINGLE
    return {**single, "portfolio": portfolio(single)}


def find_strategy(name: str, strategies: Mapping[str, Strategy] = BUILT_IN) -> Strategy:
    try:
        return strategies[name]
    except KeyError:
        raise UnknownStrategy(name, strategies) from None


def parse_params(name: str, raw: Mapping[str, Any], strategies: Mapping[str, Strategy] = BUILT_IN) -> Any:
    """A strategy's params from plain JSON types, or `ParamsRefused` with every field that is wrong."""
    strategy = find_strategy(name, strategies)
    params = parse_one_of(strategy.params, raw)
    if problems := strategy.check(params):
        raise ParamsRefused(*problems)
    return params


def needs(name: str, raw: Mapping[str, Any], strategies: Mapping[str, Strategy] = BUILT_IN) -> Needs:
    """What must be fed to a trader that runs this strategy with these params."""
    return find_strategy(name, strategies).needs(parse_params(name, raw, strategies))


def params_schema(strategy: Strategy) -> dict[str, Any]:
    """The JSON schema of a strategy's params, bounds included: API documentation and forms are made from it."""
    return msgspec.json.schema(strategy.params)
