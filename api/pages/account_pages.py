"""`/accounts/{id}`: look at one, tell it what to do."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Template

from api.accounts.commands import Command
from api.identity.guard import SESSION_ONLY
from api.pages.account import account_page, price_chart
from api.pages.home import home_page
from api.pages.visit import Visit
from trading.ids import Symbol
from trading.timeframes import Timeframe

Here = NamedDependency[Visit]


class AccountPages(Controller):
    path = "/accounts"

    @get("/{account_id:str}")
    async def show(self, account_id: FromPath[str], visit: Here, symbol: FromQuery[str | None] = None) -> Template:
        return await visit.show(await account_page(visit, account_id, symbol))

    @get("/{account_id:str}/chart")
    async def chart(
        self,
        account_id: FromPath[str],
        visit: Here,
        symbol: FromQuery[str],
        timeframe: FromQuery[Timeframe] = Timeframe.MINUTE_1,
    ) -> dict[str, Any]:
        return await price_chart(visit, account_id, Symbol(symbol), timeframe)

    @post("/{account_id:str}/commands/{command:str}", status_code=200, opt=SESSION_ONLY)
    async def command(
        self, account_id: FromPath[str], command: FromPath[Command], visit: Here, on: FromQuery[str] = "account"
    ) -> Response[str]:
        """Answers with the parts of the page as they are now: what becomes of it, the stream will tell."""
        await visit.door.command(account_id, command)
        page = await (home_page(visit) if on == "home" else account_page(visit, account_id))
        return Response(await visit.partials(page), media_type="text/html")
