"""`/live`: the stream of whichever page asks for it."""

from collections.abc import Mapping
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery, HeaderParameter
from litestar.response import Stream
from sqlalchemy.ext.asyncio import AsyncConnection

from api.admin.service import Admin
from api.errors import not_found
from api.identity.principal import STAFF, Principal
from api.live.feed import Feed
from api.pages.account import account_page
from api.pages.admin import admin_page
from api.pages.home import home_page
from api.pages.look import look_of
from api.pages.stream import PageStream
from api.pages.visit import Page, Visit
from api.requests import ApiRequest
from api.settings import ApiSettings
from storage.database import Database
from trading.strategies.contract import Strategy

LastEvent = Annotated[str | None, HeaderParameter(name="Last-Event-ID", max_length=20)]
HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}


class LivePages(Controller):
    @get("/live", media_type="text/event-stream")
    async def live(
        self,
        *,
        request: ApiRequest,
        principal: NamedDependency[Principal],
        settings: NamedDependency[ApiSettings],
        strategies: NamedDependency[Mapping[str, Strategy]],
        database: NamedDependency[Database],
        feed: NamedDependency[Feed],
        page: FromQuery[str],
        account: FromQuery[str | None] = None,
        symbol: FromQuery[str | None] = None,
        section: FromQuery[str] = "accounts",
        text: FromQuery[str] = "",
        status: FromQuery[str] = "",
        last_event: LastEvent = None,
    ) -> Stream:
        """What of the page has changed, as it changes."""
        look = look_of(request)
        admin = page == "admin" and principal.role in STAFF and principal.session_id is not None

        async def show(tx: AsyncConnection) -> tuple[Visit, Page]:
            visit = Visit(tx, principal, settings, strategies, look)
            if admin:
                return visit, await admin_page(visit, Admin(tx, principal), section=section, text=text, state=status)
            return visit, await shown(visit, page, account, symbol)

        async with database.transaction(user=principal.user_id, admin=admin) as tx:
            await show(tx)  # what cannot be shown is refused with a status, not with a stream that says nothing
        after = int(last_event) if last_event is not None and last_event.isdecimal() else None
        stream = PageStream(database, feed, principal, show, admin=admin, after=after)
        return Stream(stream.frames(), media_type="text/event-stream", headers=HEADERS)


async def shown(visit: Visit, page: str, account: str | None, symbol: str | None) -> Page:
    match page, account:
        case "home", None:
            return await home_page(visit)
        case "account", str(name):
            return await account_page(visit, name, symbol)
    raise not_found()
