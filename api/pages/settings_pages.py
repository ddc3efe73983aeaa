"""`/settings` and its forms. Each answers with the one section that it changed."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, FromPath
from litestar.response import Template

from api.errors import ApiError, not_found
from api.identity.guard import SESSION_ONLY
from api.identity.schemas import ChangePassword, CreateToken
from api.identity.second_factors import SecondFactors
from api.identity.service import Identity
from api.identity.tokens import create_token, revoke
from api.pages.look import COOKIE_AGE_S, Colours, Theme, known_zone
from api.pages.settings import settings_page
from api.pages.setup import Refused, refused
from api.pages.texts import Language
from api.pages.visit import Page, Visit
from api.requests import ApiRequest, client_address
from api.settings import ApiSettings
from storage.audit import write_audit
from storage.sessions import use_up
from trading.params import ParamsRefused, parse

Here = NamedDependency[Visit]
Factors = NamedDependency[SecondFactors]
Typed = Annotated[dict[str, Any], BodyKwarg(media_type=RequestEncodingType.URL_ENCODED)]
UNPROCESSABLE = 422


class SettingsPages(Controller):
    path = "/settings"
    opt = SESSION_ONLY

    @get("/")
    async def show(self, visit: Here, second_factors: Factors) -> Template:
        return await visit.show(await settings_page(visit, second_factors))

    @post("/look", status_code=200)
    async def look(self, data: Typed, settings: NamedDependency[ApiSettings]) -> Response[str]:
        chosen = {
            "tf_language": next((one for one in Language if one == data.get("language")), Language.ENGLISH),
            "tf_theme": next((one for one in Theme if one == data.get("theme")), Theme.SYSTEM),
            "tf_colours": next((one for one in Colours if one == data.get("colours")), Colours.GREEN_UP),
            "tf_zone": known_zone(str(data.get("zone", ""))) or "UTC",
        }
        cookies = [
            Cookie(
                key=name,
                value=value,
                path="/",
                httponly=True,
                secure=settings.secure_cookies,
                samesite="lax",
                max_age=COOKIE_AGE_S,
            )
            for name, value in chosen.items()
        ]
        return Response("", headers={"HX-Refresh": "true"}, cookies=cookies, media_type="text/html")

    @post("/password", status_code=200)
    async def password(
        self,
        data: Typed,
        request: ApiRequest,
        visit: Here,
        identity: NamedDependency[Identity],
        second_factors: Factors,
    ) -> Response[str]:
        try:
            wish = parse(ChangePassword, {name: data.get(name, "") for name in ("current", "new")})
            await identity.change_password(visit.principal, wish.current, wish.new, client_address(request))
        except (ApiError, ParamsRefused) as error:
            return await _section(visit, await settings_page(visit, second_factors, failed=refused(error)), "password")
        return Response("", headers={"HX-Refresh": "true"}, media_type="text/html")

    @post("/sessions/{session_id:str}/revoke", status_code=200)
    async def revoke_session(self, session_id: FromPath[str], visit: Here, second_factors: Factors) -> Response[str]:
        if not await use_up(visit.tx, session_id):
            raise not_found()
        await write_audit(visit.tx, visit.principal.user_id, "session.revoked", session_id)
        return await _section(visit, await settings_page(visit, second_factors), "sessions", status=200)

    @post("/tokens", status_code=200)
    async def create(self, data: Typed, visit: Here, second_factors: Factors) -> Response[str]:
        scopes = data.get("scopes", [])
        wish: dict[str, Any] = {
            "name": str(data.get("name", "")).strip(),
            "live": bool(data.get("live")),
            "scopes": [scopes] if isinstance(scopes, str) else scopes,
            "expires_in_days": int(days) if (days := str(data.get("expires_in_days", ""))).isdecimal() else None,
        }
        if data.get("account_id"):
            wish["account_id"] = data["account_id"]
        try:
            made = await create_token(visit.tx, visit.principal, parse(CreateToken, wish))
        except (ApiError, ParamsRefused) as error:
            return await _section(visit, await settings_page(visit, second_factors, failed=refused(error)), "tokens")
        return await _section(visit, await settings_page(visit, second_factors, token=made), "tokens", status=200)

    @post("/tokens/{token_id:str}/revoke", status_code=200)
    async def revoke_token(self, token_id: FromPath[str], visit: Here, second_factors: Factors) -> Response[str]:
        await revoke(visit.tx, visit.principal, token_id)
        return await _section(visit, await settings_page(visit, second_factors), "tokens", status=200)

    @post("/second-factor", status_code=200)
    async def propose(
        self,
        data: Typed,
        request: ApiRequest,
        visit: Here,
        identity: NamedDependency[Identity],
        second_factors: Factors,
    ) -> Response[str]:
        try:
            await identity.check_password(visit.principal, str(data.get("password", "")), client_address(request))
            secret = await second_factors.propose(visit.tx, visit.principal)
        except ApiError as error:
            page = await settings_page(visit, second_factors, failed=Refused({"password": error.detail}))
            return await _section(visit, page, "factor")
        return await _section(visit, await settings_page(visit, second_factors, secret=secret), "factor", status=200)

    @post("/second-factor/{act:str}", status_code=200)
    async def with_code(
        self,
        act: FromPath[str],
        data: Typed,
        visit: Here,
        identity: NamedDependency[Identity],
        second_factors: Factors,
    ) -> Response[str]:
        """Confirm, show or remove it: each wants a code."""
        codes = None
        try:
            identity.take_code(visit.principal)
            code = str(data.get("code", ""))
            match act:
                case "confirm":
                    codes = await second_factors.confirm(visit.tx, visit.principal, code)
                case "show":
                    await second_factors.show(visit.tx, visit.principal, code)
                case "remove":
                    await second_factors.remove(visit.tx, visit.principal, code)
                case _:
                    raise not_found()
        except ApiError as error:
            page = await settings_page(visit, second_factors, failed=Refused({"code": error.detail}))
            return await _section(visit, page, "factor")
        return await _section(visit, await settings_page(visit, second_factors, codes=codes), "factor", status=200)


async def _section(visit: Visit, page: Page, name: str, *, status: int = UNPROCESSABLE) -> Response[str]:
    return Response(await visit.part(page, f"settings/{name}"), status_code=status, media_type="text/html")
