"""All pages under one router: what each of them is given, and what happens when one of them fails."""

from collections.abc import Mapping

from litestar import Router
from litestar.di import NamedDependency, Provide
from sqlalchemy.ext.asyncio import AsyncConnection

from api.identity.principal import Principal
from api.pages.account_pages import AccountPages
from api.pages.admin_pages import AdminPages
from api.pages.entry import EntryController
from api.pages.history_pages import HistoryPages
from api.pages.home_pages import HomePages
from api.pages.live_pages import LivePages
from api.pages.look import look_of
from api.pages.performance_pages import PerformancePages
from api.pages.problems import HANDLERS
from api.pages.settings_pages import SettingsPages
from api.pages.setup_pages import SetupPages
from api.pages.visit import Visit
from api.requests import ApiRequest
from api.settings import ApiSettings
from trading.strategies.contract import Strategy


async def provide_visit(
    request: ApiRequest,
    tx: NamedDependency[AsyncConnection],
    principal: NamedDependency[Principal],
    settings: NamedDependency[ApiSettings],
    strategies: NamedDependency[Mapping[str, Strategy]],
) -> Visit:
    return Visit(tx, principal, settings, strategies, look_of(request))


def pages() -> Router:
    return Router(
        "/",
        route_handlers=[
            EntryController,
            HomePages,
            AccountPages,
            SetupPages,
            HistoryPages,
            PerformancePages,
            SettingsPages,
            AdminPages,
            LivePages,
        ],
        dependencies={"visit": Provide(provide_visit)},
        exception_handlers=HANDLERS,
        include_in_schema=False,
    )
