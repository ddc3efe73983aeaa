"""`/strategies`."""

from collections.abc import Mapping

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from api.errors import not_found
from api.strategies.schemas import StrategyView
from trading.strategies import params_schema
from trading.strategies.contract import Strategy

Catalogue = NamedDependency[Mapping[str, Strategy]]


def view(strategy: Strategy) -> StrategyView:
    return StrategyView(name=strategy.name, about=strategy.about, params=params_schema(strategy))


class StrategyController(Controller):
    path = "/strategies"
    tags = ("Strategies",)

    @get("/", operation_id="listStrategies")
    async def list(self, strategies: Catalogue) -> list[StrategyView]:
        return [view(strategies[name]) for name in sorted(strategies)]

    @get("/{name:str}", operation_id="getStrategy")
    async def get(self, name: FromPath[str], strategies: Catalogue) -> StrategyView:
        found = strategies.get(name)
        if found is None:
            raise not_found()
        return view(found)
