"""From a cookie or a bearer token to a principal. Looked up on every request: what is revoked is over at once."""

from datetime import UTC, datetime, timedelta

from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from sqlalchemy.ext.asyncio import AsyncConnection

from api.errors import NOT_SIGNED_IN, ApiError
from api.identity.principal import PAPER_MODES, Connection, Principal, Role, Scope
from api.settings import ApiSettings
from security.tokens import TokenKind, derive, fingerprint, kind_of
from storage.database import Database, act_as
from storage.sessions import find_session, mark_seen, session_is_live
from storage.tokens import find_token, mark_used, token_is_live

COOKIE = "tf_session"
SECURE_COOKIE = "__Host-tf_session"
"""The prefix makes browsers refuse the cookie from a neighbouring host, or without HTTPS."""
SEEN_EVERY = timedelta(minutes=1)
"""When somebody was last seen is for people: once a minute is enough."""


def cookie_name(settings: ApiSettings) -> str:
    return SECURE_COOKIE if settings.secure_cookies else COOKIE


def csrf_token(session_secret: str) -> str:
    return derive(session_secret, "csrf")


class Authentication(AbstractAuthenticationMiddleware):
    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        principal = await self._principal(connection)
        return AuthenticationResult(user=principal and principal.user_id, auth=principal)

    async def _principal(self, connection: Connection) -> Principal | None:
        state = connection.app.state
        authorization = connection.headers.get("authorization")
        if authorization is not None:
            # Said to be somebody, and is not: never answered as if nobody had been named.
            scheme, _, token = authorization.partition(" ")
            found = await by_bearer(state.database, token.strip()) if scheme.lower() == "bearer" else None
            if found is None:
                raise ApiError(NOT_SIGNED_IN, "This token is wrong, revoked or over.")
            return found
        secret = connection.cookies.get(cookie_name(state.settings))
        return await by_session(state.database, secret, TokenKind.SESSION) if secret else None


async def by_bearer(database: Database, secret: str) -> Principal | None:
    if kind_of(secret) is TokenKind.ACCESS:
        return await by_session(database, secret, TokenKind.ACCESS)
    return await by_token(database, secret)


async def by_session(database: Database, secret: str, kind: TokenKind) -> Principal | None:
    """A browser's session, or the access token of a program that logged in as a browser does."""
    if kind_of(secret) is not kind:
        return None
    in_cookie = kind is TokenKind.SESSION
    async with database.transaction(admin=True) as tx:
        session = await find_session(tx, fingerprint(secret), kind="session" if in_cookie else "access")
        if session is None:
            return None
        if _is_due(session.last_seen_at):
            await act_as(tx, session.user_id)
            await mark_seen(tx, session.session_id)
    return Principal(
        user_id=session.user_id,
        email=session.email,
        role=Role(session.role),
        scopes=frozenset(Scope),
        session_id=session.session_id,
        family=session.family,
        second_factor_at=session.second_factor_at,
        # A cookie is sent whoever asks for it; a bearer token only by who has it.
        csrf_token=csrf_token(secret) if in_cookie else None,
    )


async def by_token(database: Database, secret: str) -> Principal | None:
    kind = kind_of(secret)
    if kind not in {TokenKind.PAPER, TokenKind.LIVE}:
        return None
    async with database.transaction(admin=True) as tx:
        token = await find_token(tx, fingerprint(secret))
        if token is None:
            return None
        if _is_due(token.last_used_at):
            await act_as(tx, token.user_id)
            await mark_used(tx, token.token_id)
    return Principal(
        user_id=token.user_id,
        email=token.email,
        role=Role(token.role),
        # A scope that this version does not know gives nothing.
        scopes=frozenset(scope for scope in Scope if scope in token.scopes),
        token_id=token.token_id,
        account=token.account_id,
        modes=PAPER_MODES if kind is TokenKind.PAPER else None,
    )


async def is_live(tx: AsyncConnection, principal: Principal) -> bool:
    """Whether what it came with still counts: asked again by whatever outlives its request."""
    if principal.session_id is not None:
        return await session_is_live(tx, principal.session_id)
    return principal.token_id is not None and await token_is_live(tx, principal.token_id)


def _is_due(last: datetime | None) -> bool:
    return last is None or last < datetime.now(UTC) - SEEN_EVERY
