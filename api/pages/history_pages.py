"""`/history`."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Template

from api.pages.history import Asked, What, history_page
from api.pages.visit import Visit


class HistoryPages(Controller):
    @get("/history")
    async def show(
        self,
        *,
        visit: NamedDependency[Visit],
        what: FromQuery[What] = What.FILLS,
        account: FromQuery[str] = "",
        symbol: FromQuery[str] = "",
        kind: FromQuery[str] = "",
        since: FromQuery[str] = "",
        until: FromQuery[str] = "",
        cursor: FromQuery[str] = "",
    ) -> Template:
        asked = Asked(what=what, account=account, symbol=symbol, kind=kind, since=since, until=until, cursor=cursor)
        return await visit.show(await history_page(visit, asked))
