"""`/` and what it asks for."""

from typing import Any

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Template

from api.pages.charts import Range
from api.pages.home import home_page, nav_chart
from api.pages.visit import Visit


class HomePages(Controller):
    @get("/")
    async def home(self, visit: NamedDependency[Visit]) -> Template:
        return await visit.show(await home_page(visit))

    @get("/charts/nav")
    async def nav(
        self,
        visit: NamedDependency[Visit],
        asset: FromQuery[str],
        span: FromQuery[Range] = Range.DAY,
        real: FromQuery[bool] = False,
    ) -> dict[str, Any]:
        return await nav_chart(visit, span, real=real, asset=asset)
