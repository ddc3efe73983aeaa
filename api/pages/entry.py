"""Signing in, registering, the sign-in link, signing out."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, FromPath
from litestar.response import Redirect, Template

from api.errors import SECOND_FACTOR_NEEDED, WRONG_CODE, ApiError
from api.identity.controller import no_cookie, session_cookie
from api.identity.guard import OPEN, SESSION_ONLY
from api.identity.principal import Principal, principal_of
from api.identity.schemas import LogIn, Register
from api.identity.service import Identity, NewSession
from api.pages.look import Look, look_of
from api.pages.visit import shell
from api.requests import ApiRequest, client_address
from api.settings import ApiSettings

Settings = NamedDependency[ApiSettings]
Who = NamedDependency[Identity]


class SignInForm(msgspec.Struct, frozen=True):
    email: str = ""
    password: str = ""
    next: str = "/"
    code: str = ""

    def __repr__(self) -> str:
        return "SignInForm(***)"


Form = Annotated[SignInForm, BodyKwarg(media_type=RequestEncodingType.URL_ENCODED)]


class EntryController(Controller):
    include_in_schema = False

    @get("/login", opt=OPEN)
    async def sign_in_page(self, request: ApiRequest, settings: Settings) -> Template:
        target = request.query_params.get("next", "/")
        return form_page(look_of(request), settings, SignInForm(next=target))

    @post("/login", opt=OPEN)
    async def sign_in(self, data: Form, request: ApiRequest, identity: Who, settings: Settings) -> Template | Redirect:
        look = look_of(request)
        try:
            wish = msgspec.convert({"email": data.email.strip(), "password": data.password}, LogIn)
            address = client_address(request)
            before = principal_of(request)
            code = data.code.strip() or None
            session = await identity.log_in(wish.email, wish.password, address, before, code=code)
        except msgspec.ValidationError:
            message = look.texts("Give an e-mail address and a password.")
            return form_page(look, settings, data, message=message)
        except ApiError as refused:
            return form_page(look, settings, data, refused=refused)
        return signed_in(settings, session, data.next)

    @get("/register", opt=OPEN)
    async def register_page(self, request: ApiRequest, settings: Settings) -> Template:
        return form_page(look_of(request), settings, SignInForm(), registering=True)

    @post("/register", opt=OPEN)
    async def register(self, data: Form, request: ApiRequest, identity: Who, settings: Settings) -> Template | Redirect:
        look, address = look_of(request), client_address(request)
        try:
            wish = msgspec.convert({"email": data.email.strip(), "password": data.password}, Register)
            await identity.register(wish.email, wish.password, address)
            session = await identity.log_in(wish.email, wish.password, address, principal_of(request))
        except msgspec.ValidationError:
            message = look.texts("Give an e-mail address and a password of at least 12 characters.")
            return form_page(look, settings, data, registering=True, message=message)
        except ApiError as refused:
            return form_page(look, settings, data, registering=True, refused=refused)
        return signed_in(settings, session)

    @post("/logout", opt=SESSION_ONLY)
    async def log_out(self, principal: NamedDependency[Principal], identity: Who, settings: Settings) -> Response[str]:
        await identity.log_out(principal)
        return Response("", headers={"HX-Redirect": "/login"}, cookies=[no_cookie(settings)], status_code=200)

    @get("/enter/{secret:str}", opt={**OPEN, "exclude_from_auth": True})
    async def enter(
        self, secret: FromPath[str], request: ApiRequest, identity: Who, settings: Settings
    ) -> Template | Redirect:
        """A sign-in link. It works once, so whoever comes second learns that somebody was here before."""
        try:
            return signed_in(settings, await identity.enter(secret))
        except ApiError:
            _ = look_of(request).texts
            context = {
                **shell(look_of(request)),
                "title": _("This link is used up"),
                "message": _("It works once and for half an hour. Sign in with your password, or ask for a new link."),
            }
            return Template("message.html", context=context, status_code=404)


def signed_in(settings: ApiSettings, session: NewSession, target: str = "/") -> Redirect:
    return Redirect(ours(target), status_code=303, cookies=[session_cookie(settings, session)])


def ours(target: str) -> str:
    """An address on this site, or the start page: a sign-in must not lead anywhere else."""
    inside = (
        target.startswith("/") and not target.startswith(("//", "/\\")) and "\n" not in target and "\r" not in target
    )
    return target if inside else "/"


def form_page(
    look: Look,
    settings: ApiSettings,
    data: SignInForm,
    *,
    registering: bool = False,
    message: str = "",
    refused: ApiError | None = None,
) -> Template:
    status = 400 if message else 200
    if refused is not None:
        status, message = refused.kind.status, f"{look.texts(refused.kind.title)}. {look.texts(refused.detail)}"
    context: dict[str, Any] = {
        **shell(look),
        "registering": registering,
        "email": data.email,
        "target": ours(data.next),
        "message": message,
        "wants_code": refused is not None and refused.kind in {SECOND_FACTOR_NEEDED, WRONG_CODE},
        "registration_open": settings.registration_open,
    }
    headers = refused.headers if refused is not None else {}
    return Template("sign_in.html", context=context, status_code=status, headers=headers)
