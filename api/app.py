"""The application: rooms, dependencies and layers put together. Serve what `create_app` answers with uvicorn."""

from collections.abc import AsyncIterator, Mapping

from litestar import Litestar, Router
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.middleware import DefineMiddleware
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.controller import AccountController
from api.accounts.service import Accounts
from api.admin.controller import AdminAccountController, AdminControlController, AdminUserController, AuditController
from api.admin.service import Admin
from api.commands.controller import CommandController
from api.configs.controller import ConfigController
from api.configs.service import Configs
from api.context import RequestContext
from api.controls.controller import ControlController
from api.controls.service import Switches
from api.credentials.controller import CredentialController
from api.credentials.service import Keys
from api.docs.config import complete_schema, openapi_config
from api.docs.page import problem_page
from api.errors import ApiError
from api.health.controller import health, meta, ready
from api.health.metrics import Metrics, metrics_page
from api.history.controller import HistoryController
from api.identity.authentication import Authentication
from api.identity.controller import (
    AuthenticationController,
    MeController,
    SecondFactorController,
    SessionController,
    TokenController,
)
from api.identity.guard import guard
from api.identity.principal import Principal, principal_of, signed_in
from api.identity.second_factors import SecondFactors
from api.identity.service import Identity
from api.limits import RateLimiter
from api.live.controller import LiveController
from api.live.feed import Feed, Hear, every_second
from api.pages.assets import static_files
from api.pages.router import pages
from api.performance.controller import PerformanceController
from api.problems import (
    ProblemDocumentation,
    on_api_error,
    on_exception,
    on_exception_group,
    on_http_exception,
    on_unreachable,
)
from api.requests import ApiRequest
from api.settings import ApiSettings
from api.strategies.controller import StrategyController
from api.templating import template_config
from security.envelope import KeyRing
from security.passwords import Passwords
from storage.database import Database
from storage.errors import DatabaseUnreachable
from trading.strategies import BUILT_IN
from trading.strategies.contract import Strategy


def create_app(
    settings: ApiSettings,
    database: Database,
    key_ring: KeyRing,
    *,
    passwords: Passwords | None = None,
    strategies: Mapping[str, Strategy] = BUILT_IN,
    hear: Hear | None = None,
) -> Litestar:
    """The whole web application. `database` is in the API's role; whoever made it closes it.

    `hear` brings the user of each change as it is committed; without it, what is live is a second old.
    """
    feed = Feed(hear or every_second)
    metrics = Metrics()
    second_factors = SecondFactors(key_ring)
    identity = Identity(database, settings, passwords or Passwords(), second_factors, RateLimiter())

    async def provide_tx(request: ApiRequest) -> AsyncIterator[AsyncConnection]:
        """The request's one transaction: committed before the answer is sent, rolled back when anything is raised."""
        principal = principal_of(request)
        staff = request.route_handler.opt.get("role") is not None
        async with database.transaction(user=principal.user_id if principal else None, admin=staff) as tx:
            yield tx

    async def provide_accounts(tx: NamedDependency[AsyncConnection], principal: NamedDependency[Principal]) -> Accounts:
        return Accounts(tx, principal, settings)

    async def provide_keys(tx: NamedDependency[AsyncConnection], principal: NamedDependency[Principal]) -> Keys:
        return Keys(tx, principal, key_ring)

    async def provide_configs(tx: NamedDependency[AsyncConnection], principal: NamedDependency[Principal]) -> Configs:
        return Configs(tx, principal, strategies)

    async def provide_switches(tx: NamedDependency[AsyncConnection], principal: NamedDependency[Principal]) -> Switches:
        return Switches(tx, principal)

    async def provide_admin(tx: NamedDependency[AsyncConnection], principal: NamedDependency[Principal]) -> Admin:
        return Admin(tx, principal)

    async def provide_principal(request: ApiRequest) -> Principal:
        return signed_in(request)

    api = Router(
        "/api/v1",
        route_handlers=[
            AuthenticationController,
            MeController,
            SecondFactorController,
            SessionController,
            TokenController,
            AccountController,
            CommandController,
            ControlController,
            CredentialController,
            ConfigController,
            HistoryController,
            PerformanceController,
            LiveController,
            StrategyController,
            AdminAccountController,
            AdminControlController,
            AdminUserController,
            AuditController,
            meta,
        ],
    )
    app = Litestar(
        route_handlers=[api, health, ready, metrics_page, pages(), problem_page, *static_files()],
        state=State({"settings": settings, "database": database, "feed": feed}),
        on_startup=[feed.start],
        on_shutdown=[feed.stop],
        request_class=ApiRequest,
        guards=[guard],
        middleware=[DefineMiddleware(Authentication, exclude_from_auth_key="exclude_from_auth")],
        dependencies={
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "metrics": Provide(lambda: metrics, sync_to_thread=False),
            "feed": Provide(lambda: feed, sync_to_thread=False),
            "database": Provide(lambda: database, sync_to_thread=False),
            "strategies": Provide(lambda: strategies, sync_to_thread=False),
            "identity": Provide(lambda: identity, sync_to_thread=False),
            "second_factors": Provide(lambda: second_factors, sync_to_thread=False),
            "principal": Provide(provide_principal),
            "tx": Provide(provide_tx),
            "accounts": Provide(provide_accounts),
            "keys": Provide(provide_keys),
            "configs": Provide(provide_configs),
            "switches": Provide(provide_switches),
            "admin": Provide(provide_admin),
        },
        exception_handlers={
            ApiError: on_api_error,
            HTTPException: on_http_exception,
            DatabaseUnreachable: on_unreachable,
            ExceptionGroup: on_exception_group,
            Exception: on_exception,
        },
        plugins=[ProblemDocumentation()],
        openapi_config=openapi_config(settings.version),
        template_config=template_config(),
        request_max_body_size=settings.body_bytes_max,
        logging_config=None,
        debug=False,
    )
    complete_schema(app)
    app.asgi_handler = RequestContext(app.asgi_handler, metrics, secure=settings.secure_cookies)
    return app
