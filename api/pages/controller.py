"""The start page, signing in, and the sign-in link."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Router, get, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, FromPath
from litestar.response import Redirect, Template
from litestar.static_files import create_static_files_router
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.service import Accounts, view
from api.errors import ApiError
from api.identity.controller import session_cookie
from api.identity.guard import OPEN
from api.identity.principal import Principal, principal_of
from api.identity.schemas import LogIn, Register
from api.identity.service import Identity, NewSession
from api.requests import ApiRequest, client_address
from api.settings import ApiSettings
from api.templating import ROOM
from storage.accounts import Filter
from storage.reads import latest_fills

ACCOUNTS_SHOWN = 100
FILLS_SHOWN = 20

Settings = NamedDependency[ApiSettings]
Tx = NamedDependency[AsyncConnection]
Who = NamedDependency[Identity]


class SignInForm(msgspec.Struct, frozen=True):
    email: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "SignInForm(***)"


Form = Annotated[SignInForm, BodyKwarg(media_type=RequestEncodingType.URL_ENCODED)]


class PageController(Controller):
    include_in_schema = False

    @get("/", opt=OPEN)
    async def home(self, request: ApiRequest, tx: Tx, settings: Settings) -> Template | Redirect:
        principal = principal_of(request)
        if principal is None:
            return Redirect("/login", status_code=303)
        return Template("home.html", context={"principal": principal, **await overview(tx, principal, settings)})

    @get("/live")
    async def live(self, principal: NamedDependency[Principal], tx: Tx, settings: Settings) -> Template:
        """What changes on the start page, alone."""
        return Template("live.html", context=await overview(tx, principal, settings))

    @get("/login", opt=OPEN)
    async def sign_in_page(self, settings: Settings) -> Template:
        return sign_in_page(settings)

    @post("/login", opt=OPEN)
    async def sign_in(self, data: Form, request: ApiRequest, identity: Who, settings: Settings) -> Template | Redirect:
        try:
            wish = msgspec.convert({"email": data.email.strip(), "password": data.password}, LogIn)
            address = client_address(request)
            session = await identity.log_in(wish.email, wish.password, address, principal_of(request))
        except msgspec.ValidationError:
            return sign_in_page(settings, email=data.email, message="Give an e-mail address and a password.")
        except ApiError as refused:
            return sign_in_page(settings, email=data.email, refused=refused)
        return signed_in(settings, session)

    @get("/register", opt=OPEN)
    async def register_page(self, settings: Settings) -> Template:
        return sign_in_page(settings, registering=True)

    @post("/register", opt=OPEN)
    async def register(self, data: Form, request: ApiRequest, identity: Who, settings: Settings) -> Template | Redirect:
        address = client_address(request)
        try:
            wish = msgspec.convert({"email": data.email.strip(), "password": data.password}, Register)
            await identity.register(wish.email, wish.password, address)
            session = await identity.log_in(wish.email, wish.password, address, principal_of(request))
        except msgspec.ValidationError:
            message = "Give an e-mail address and a password of at least 12 characters."
            return sign_in_page(settings, registering=True, email=data.email, message=message)
        except ApiError as refused:
            return sign_in_page(settings, registering=True, email=data.email, refused=refused)
        return signed_in(settings, session)

    @get("/enter/{secret:str}", opt={**OPEN, "exclude_from_auth": True})
    async def enter(self, secret: FromPath[str], identity: Who, settings: Settings) -> Template | Redirect:
        """A sign-in link. It works once, so whoever comes second learns that somebody was here before."""
        try:
            return signed_in(settings, await identity.enter(secret))
        except ApiError:
            message = "It works once and for half an hour. Sign in with your password, or ask for a new link."
            context = {"title": "This link is used up", "message": message}
            return Template("message.html", context=context, status_code=404)


async def overview(tx: AsyncConnection, principal: Principal, settings: ApiSettings) -> dict[str, Any]:
    """The user's accounts and their last fills."""
    accounts = await Accounts(tx, principal, settings).list(Filter(), None, ACCOUNTS_SHOWN)
    return {
        "accounts": [view(account, settings) for account in accounts],
        "fills": await latest_fills(tx, accounts, FILLS_SHOWN),
        "names": {account.id: account.name for account in accounts},
    }


def signed_in(settings: ApiSettings, session: NewSession) -> Redirect:
    return Redirect("/", status_code=303, cookies=[session_cookie(settings, session)])


def sign_in_page(
    settings: ApiSettings,
    *,
    registering: bool = False,
    email: str = "",
    message: str = "",
    refused: ApiError | None = None,
) -> Template:
    status = 400 if message else 200
    if refused is not None:
        status, message = refused.kind.status, f"{refused.kind.title}. {refused.detail}"
    context = {
        "registering": registering,
        "email": email,
        "message": message,
        "registration_open": settings.registration_open,
    }
    headers = refused.headers if refused is not None else {}
    return Template("sign_in.html", context=context, status_code=status, headers=headers)


def static_files() -> Router:
    return create_static_files_router(
        path="/static",
        directories=[ROOM / "static"],
        cache_control=CacheControlHeader(max_age=300),
        opt={**OPEN, "exclude_from_auth": True},
    )
