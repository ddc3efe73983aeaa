"""Signing up, in and out; sessions; personal tokens."""

from typing import Any

from litestar import Controller, Response, delete, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from api.errors import CONFLICT, NOT_SIGNED_IN, REGISTRATION_CLOSED, TAKEN, not_found
from api.identity.authentication import cookie_name
from api.identity.guard import OPEN, SESSION_ONLY
from api.identity.principal import Principal, Role, Scope, principal_of
from api.identity.schemas import (
    ChangePassword,
    CreateToken,
    Grant,
    LogIn,
    Me,
    NewToken,
    ProvePassword,
    RecoveryCodes,
    Refresh,
    Register,
    SecondFactorSecret,
    SecondFactorView,
    SessionView,
    ShowCode,
    TokenView,
)
from api.identity.second_factors import SecondFactors
from api.identity.service import Identity, NewSession
from api.identity.tokens import create_token, revoke, views
from api.requests import ApiRequest, client_address
from api.settings import ApiSettings
from storage.audit import write_audit
from storage.sessions import list_sessions, use_up

Who = NamedDependency[Principal]
Tx = NamedDependency[AsyncConnection]


def session_cookie(settings: ApiSettings, session: NewSession) -> Cookie:
    return Cookie(
        key=cookie_name(settings),
        value=session.secret,
        path="/",
        httponly=True,
        secure=settings.secure_cookies,
        samesite="lax",
        max_age=int(settings.session_ttl.total_seconds()),
    )


def no_cookie(settings: ApiSettings) -> Cookie:
    return Cookie(
        key=cookie_name(settings), value="", path="/", httponly=True, secure=settings.secure_cookies, max_age=0
    )


class AuthenticationController(Controller):
    path = "/auth"
    tags = ("Identity",)

    @post("/register", opt={**OPEN, "refuses": [REGISTRATION_CLOSED, TAKEN]}, operation_id="register")
    async def register(
        self, data: JSONBody[Register], request: ApiRequest, identity: NamedDependency[Identity]
    ) -> Response[Me]:
        """Sign up. Then log in."""
        user = await identity.register(data.email, data.password, client_address(request))
        me = Me(id=user, email=data.email, role=Role.USER, csrf_token=None, scopes=[])
        return Response(me, headers={"Location": "/api/v1/me"})

    @post("/login", status_code=200, opt={**OPEN, "refuses": [NOT_SIGNED_IN]}, operation_id="logIn")
    async def log_in(
        self,
        data: JSONBody[LogIn],
        request: ApiRequest,
        identity: NamedDependency[Identity],
        settings: NamedDependency[ApiSettings],
    ) -> Response[Me]:
        """Open a session. Its secret comes as a cookie; repeat `csrf_token` in `X-CSRF-Token` on unsafe requests."""
        session = await identity.log_in(
            data.email, data.password, client_address(request), principal_of(request), code=data.code
        )
        me = Me(
            id=session.user_id,
            email=session.email,
            role=Role(session.role),
            csrf_token=session.csrf_token,
            scopes=list(Scope),
        )
        return Response(me, cookies=[session_cookie(settings, session)])

    @post("/tokens", status_code=200, opt={**OPEN, "refuses": [NOT_SIGNED_IN]}, operation_id="grantTokens")
    async def grant(self, data: JSONBody[LogIn], request: ApiRequest, identity: NamedDependency[Identity]) -> Grant:
        """Log a program in: an access token for a quarter of an hour, and a refresh token that renews it."""
        return await identity.grant(data.email, data.password, client_address(request), code=data.code)

    @post("/refresh", status_code=200, opt={**OPEN, "refuses": [NOT_SIGNED_IN]}, operation_id="refreshTokens")
    async def refresh(self, data: JSONBody[Refresh], identity: NamedDependency[Identity]) -> Grant:
        """Trade a refresh token for new tokens. It works once; a second use ends all that came of its login."""
        return await identity.refresh(data.refresh_token)

    @post("/logout", status_code=204, opt=SESSION_ONLY, operation_id="logOut")
    async def log_out(
        self,
        principal: Who,
        identity: NamedDependency[Identity],
        settings: NamedDependency[ApiSettings],
    ) -> Response[None]:
        """End this session, everywhere and at once."""
        await identity.log_out(principal)
        return Response(None, cookies=[no_cookie(settings)])


class MeController(Controller):
    path = "/me"
    tags = ("Identity",)

    @get("/", operation_id="getMe")
    async def me(self, principal: Who) -> Me:
        return Me(
            id=principal.user_id,
            email=principal.email,
            role=principal.role,
            csrf_token=principal.csrf_token,
            scopes=sorted(principal.scopes),
        )

    @post("/password", status_code=204, opt=SESSION_ONLY, operation_id="changePassword")
    async def change_password(
        self,
        data: JSONBody[ChangePassword],
        request: ApiRequest,
        principal: Who,
        identity: NamedDependency[Identity],
    ) -> None:
        """Ends every other session, and every token."""
        await identity.change_password(principal, data.current, data.new, client_address(request))


class SecondFactorController(Controller):
    path = "/me/second-factor"
    tags = ("Identity",)
    opt: dict[str, Any] = SESSION_ONLY

    @get("/", operation_id="getSecondFactor")
    async def describe(
        self, principal: Who, tx: Tx, second_factors: NamedDependency[SecondFactors]
    ) -> SecondFactorView:
        return await second_factors.describe(tx, principal)

    @post("/", opt={"refuses": [CONFLICT]}, operation_id="proposeSecondFactor")
    async def propose(
        self,
        *,
        data: JSONBody[ProvePassword],
        request: ApiRequest,
        principal: Who,
        identity: NamedDependency[Identity],
        tx: Tx,
        second_factors: NamedDependency[SecondFactors],
    ) -> Response[SecondFactorSecret]:
        """Get a secret for an authenticator app. It counts once a code made with it was sent to `confirm`."""
        await identity.check_password(principal, data.password, client_address(request))
        headers = {"Location": "/api/v1/me/second-factor"}
        return Response(await second_factors.propose(tx, principal), headers=headers)

    @post("/confirm", status_code=200, opt={"refuses": [CONFLICT]}, operation_id="confirmSecondFactor")
    async def confirm(
        self,
        data: JSONBody[ShowCode],
        principal: Who,
        identity: NamedDependency[Identity],
        tx: Tx,
        second_factors: NamedDependency[SecondFactors],
    ) -> RecoveryCodes:
        """Turn it on, and get recovery codes for the day that the app is lost."""
        identity.take_code(principal)
        return await second_factors.confirm(tx, principal, data.code)

    @post("/show", status_code=204, opt={"refuses": [CONFLICT]}, operation_id="showSecondFactor")
    async def show(
        self,
        data: JSONBody[ShowCode],
        principal: Who,
        identity: NamedDependency[Identity],
        tx: Tx,
        second_factors: NamedDependency[SecondFactors],
    ) -> None:
        """Show it again: what touches real money wants it within the last quarter of an hour."""
        identity.take_code(principal)
        await second_factors.show(tx, principal, data.code)

    @post("/remove", status_code=204, opt={"refuses": [CONFLICT]}, operation_id="removeSecondFactor")
    async def remove(
        self,
        data: JSONBody[ShowCode],
        principal: Who,
        identity: NamedDependency[Identity],
        tx: Tx,
        second_factors: NamedDependency[SecondFactors],
    ) -> None:
        identity.take_code(principal)
        await second_factors.remove(tx, principal, data.code)


class SessionController(Controller):
    path = "/sessions"
    tags = ("Identity",)
    opt: dict[str, Any] = SESSION_ONLY

    @get("/", operation_id="listSessions")
    async def list(self, principal: Who, tx: Tx) -> list[SessionView]:
        """Where you are signed in."""
        return [
            SessionView(
                id=found.id,
                created_at=found.created_at,
                expires_at=found.expires_at,
                last_seen_at=found.last_seen_at,
                current=found.id == principal.session_id,
            )
            for found in await list_sessions(tx, principal.user_id)
        ]

    @delete("/{session_id:str}", operation_id="revokeSession")
    async def revoke(
        self,
        session_id: FromPath[str],
        principal: Who,
        tx: Tx,
    ) -> None:
        if not await use_up(tx, session_id):
            raise not_found()
        await write_audit(tx, principal.user_id, "session.revoked", session_id)


class TokenController(Controller):
    path = "/tokens"
    tags = ("Identity",)
    opt: dict[str, Any] = SESSION_ONLY

    @get("/", operation_id="listTokens")
    async def list(self, principal: Who, tx: Tx) -> list[TokenView]:
        return await views(tx, principal)

    @post("/", operation_id="createToken")
    async def create(
        self,
        data: JSONBody[CreateToken],
        principal: Who,
        tx: Tx,
    ) -> Response[NewToken]:
        """Make a personal token. Its secret is in this answer and nowhere else."""
        return Response(await create_token(tx, principal, data), headers={"Location": "/api/v1/tokens"})

    @delete("/{token_id:str}", operation_id="revokeToken")
    async def revoke(
        self,
        token_id: FromPath[str],
        principal: Who,
        tx: Tx,
    ) -> None:
        await revoke(tx, principal, token_id)
