"""How the schema is made and served."""

from typing import Any

from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, License, Operation, Reference, RequestBody, SecurityScheme, Tag
from litestar.routes import HTTPRoute
from litestar.types import Method

from api.docs.page import ReadablePage
from api.identity.authentication import COOKIE
from api.identity.guard import OPEN

PATH = "/api"

ABOUT = """\
Amounts are strings, times are RFC 3339 in UTC, ids have a prefix. Lists are pages `{items, next_cursor}`: pass
`next_cursor` back as `cursor`. Every refusal is an RFC 9457 problem; decide by its `code`. A browser signs in with
`POST /api/v1/auth/login` and repeats the CSRF token in `X-CSRF-Token`; a program sends a personal token as
`Authorization: Bearer tf_…`.
"""

TAGS = {
    "Identity": "Signing up, in and out; sessions and personal tokens.",
    "Accounts": "Accounts at venues, and what they should be doing.",
    "Credentials": "Exchange keys: put in, replaced, deleted, never read back.",
    "Strategies": "The catalogue, and which one an account trades with which params.",
    "Controls": "The switches that stop trading at once: over a market, an account, all of one's accounts, everything.",
    "History": "What an account did and holds.",
    "Performance": "What accounts are worth, what they hold, what they have earned.",
    "Admin": "For staff: all tenants.",
    "Health": "Whether it lives, whether it can serve, what it offers.",
}


def operation_id(handler: HTTPRouteHandler, _method: Method, _path: list[Any]) -> str:
    # Every documented route names its own: clients are generated from it, so it must not follow a renamed function.
    return handler.handler_name


def complete_schema(app: Litestar) -> None:
    """Say what Litestar knows and does not write down: bodies take no other fields, and open routes no sign-in."""
    schemas = app.openapi_schema.components.schemas or {}
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else ():
            item = (app.openapi_schema.paths or {}).get(route.path_format)
            for method in handler.http_methods if item else ():
                operation: Operation | None = getattr(item, method.lower(), None)
                if operation is None:
                    continue
                if handler.opt.get("open"):
                    operation.security = []
                body = operation.request_body
                for content in body.content.values() if isinstance(body, RequestBody) else ():
                    for shape in [content.schema, *(getattr(content.schema, "one_of", None) or ())]:
                        if isinstance(shape, Reference):
                            schemas[shape.ref.rpartition("/")[2]].additional_properties = False


def openapi_config(version: str) -> OpenAPIConfig:
    schemes: dict[str, Any] = {
        "session": SecurityScheme(type="apiKey", name=COOKIE, security_scheme_in="cookie"),
        "token": SecurityScheme(
            type="http", scheme="bearer", description="A personal token, `tf_paper_…` or `tf_live_…`."
        ),
    }
    return OpenAPIConfig(
        title="Tradefleet",
        version=version,
        description=ABOUT,
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        tags=[Tag(name=name, description=description) for name, description in TAGS.items()],
        components=Components(security_schemes=schemes),
        security=[{"session": []}, {"token": []}],
        use_handler_docstrings=True,
        operation_id_creator=operation_id,
        render_plugins=[JsonRenderPlugin(path="/openapi.json"), ReadablePage()],
        openapi_router=Router(
            PATH, route_handlers=[], include_in_schema=False, opt={**OPEN, "exclude_from_auth": True}
        ),
    )
