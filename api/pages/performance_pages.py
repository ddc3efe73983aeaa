"""`/performance`."""

from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Template

from api.pages.charts import Range
from api.pages.performance import drawdown_chart, performance_page
from api.pages.visit import Visit


class PerformancePages(Controller):
    @get("/performance")
    async def show(self, visit: NamedDependency[Visit], span: FromQuery[Range] = Range.WEEK) -> Template:
        return await visit.show(await performance_page(visit, span))

    @get("/charts/drawdown")
    async def drawdown(
        self,
        visit: NamedDependency[Visit],
        asset: FromQuery[str],
        span: FromQuery[Range] = Range.WEEK,
        real: FromQuery[bool] = False,
    ) -> dict[str, Any]:
        return await drawdown_chart(visit, span, real=real, asset=asset)
