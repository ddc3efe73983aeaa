"""`/accounts/{id}`: look at one, tell it what to do."""

from collections.abc import Mapping
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, FromPath, FromQuery
from litestar.response import Template

from api.accounts.commands import Command
from api.accounts.schemas import StopMode
from api.errors import invalid
from api.identity.guard import SESSION_ONLY
from api.pages.account import account_page, price_chart
from api.pages.home import home_page
from api.pages.visit import Visit
from trading.ids import Symbol
from trading.timeframes import Timeframe

Here = NamedDependency[Visit]
Typed = Annotated[dict[str, Any] | None, BodyKwarg(media_type=RequestEncodingType.URL_ENCODED)]
SELLING = frozenset({StopMode.MARKET, StopMode.LIMIT})
"""What cannot be taken back wants the account's name typed."""


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
        self,
        *,
        account_id: FromPath[str],
        command: FromPath[Command],
        visit: Here,
        data: Typed = None,
        on: FromQuery[str] = "account",
    ) -> Response[str]:
        """Answers with the parts of the page as they are now: what becomes of it, the stream will tell."""
        await obey(visit, account_id, command, data or {})
        page = await (home_page(visit) if on == "home" else account_page(visit, account_id))
        return Response(await visit.partials(page), media_type="text/html")


async def obey(visit: Visit, account_id: str, command: Command, data: Mapping[str, str]) -> None:
    confirm = data.get("confirm", "").strip()
    if command is Command.START:
        await visit.door.start(account_id, confirm)
        return
    mode = next((one for one in StopMode if one == data.get("mode")), StopMode.LEAVE)
    if command is Command.STOP and mode in SELLING:
        account = await visit.door.find(account_id)
        if confirm != account.name:
            raise invalid("/confirm", "It sells what the strategy holds: type the account's name.")
    await visit.door.command(account_id, command, mode.closing if command is Command.STOP else None)
