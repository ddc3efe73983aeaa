"""Signing up, in and out.

Hashing a password takes a tenth of a second, and a connection held for that long is one that nobody else has: so these
run their own short transactions around it instead of the request's one.
"""

import time
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from api.errors import (
    NOT_SIGNED_IN,
    REGISTRATION_CLOSED,
    SECOND_FACTOR_NEEDED,
    TAKEN,
    WRONG_LOGIN,
    ApiError,
    not_found,
    too_many,
)
from api.identity.authentication import csrf_token
from api.identity.principal import Principal
from api.identity.schemas import Grant
from api.identity.second_factors import SecondFactors
from api.limits import Rate, RateLimiter
from api.settings import ApiSettings
from security.passwords import Passwords
from security.tokens import TokenKind, fingerprint, mint
from storage.audit import write_audit
from storage.database import Database, act_as
from storage.ids import new_id
from storage.sessions import (
    add_session,
    find_refresh,
    find_session,
    revoke_family,
    revoke_sessions,
    use_up,
)
from storage.tokens import revoke_tokens
from storage.users import UserRecord, add_user, find_user, find_user_by_email, normal_email, set_password
from trading.ids import UserId

log = structlog.get_logger("api.identity")

SIGN_IN_LINK_TTL = timedelta(minutes=30)
ACCESS_TTL = timedelta(minutes=15)
REFRESH_TTL = timedelta(days=30)

# A person mistypes a few times; a machine guesses. Per pair of e-mail and address it is strict; per e-mail looser, so
# that a stranger cannot easily keep the owner out; per address it stops one host trying many names; in all, many hosts.
PER_PAIR = Rate(burst=5, every_s=30)
PER_EMAIL = Rate(burst=30, every_s=20)
PER_ADDRESS = Rate(burst=20, every_s=6)
IN_ALL = Rate(burst=200, every_s=0.2)
REGISTRATIONS = Rate(burst=10, every_s=60)


class NewSession(msgspec.Struct, frozen=True, kw_only=True):
    """A session just opened. The secret goes into the cookie and nowhere else."""

    secret: str
    csrf_token: str
    expires_at: datetime
    user_id: UserId
    email: str
    role: str

    def __repr__(self) -> str:
        return f"NewSession({self.user_id})"


class Identity:
    def __init__(
        self,
        database: Database,
        settings: ApiSettings,
        passwords: Passwords,
        second_factors: SecondFactors,
        limiter: RateLimiter,
    ) -> None:
        self._database = database
        self._second_factors = second_factors
        self._settings = settings
        self._passwords = passwords
        self._limiter = limiter

    async def register(self, email: str, password: str, address: str) -> UserId:
        if not self._settings.registration_open:
            raise ApiError(REGISTRATION_CLOSED)
        self._take([(f"register {address}", REGISTRATIONS)])
        user = await create_user(self._database, self._passwords, email, password)
        if user is None:
            raise ApiError(TAKEN, "There is a user with this e-mail already; sign in instead.")
        return user

    async def log_in(
        self, email: str, password: str, address: str, before: Principal | None, *, code: str | None = None
    ) -> NewSession:
        """Open a new session, whatever the browser came with: an id that was there before is never signed in."""
        user, second_factor_at = await self._prove(email, password, code, address)
        if before is not None and before.session_id is not None:
            async with self._database.transaction(user=before.user_id) as tx:
                await use_up(tx, before.session_id)
        return await self._open(user, second_factor_at)

    async def grant(self, email: str, password: str, address: str, *, code: str | None = None) -> Grant:
        """The same for a program: a short-lived access token, and a refresh token to renew it with."""
        user, second_factor_at = await self._prove(email, password, code, address)
        async with self._database.transaction(user=user.id) as tx:
            return await self._grant(tx, user.id, new_id("fam"), second_factor_at)

    async def refresh(self, secret: str) -> Grant:
        """Trade a refresh token for new ones. One that comes back was copied by somebody: its whole family ends."""
        async with self._database.transaction(admin=True) as tx:
            token = await find_refresh(tx, fingerprint(secret))
            if token is not None:
                await act_as(tx, token.user_id)
                if token.live and await use_up(tx, token.id):
                    return await self._grant(tx, token.user_id, token.family, None)
                await revoke_family(tx, token.user_id, token.family)
                await write_audit(tx, token.user_id, "refresh_token.reused", token.family)
        raise ApiError(NOT_SIGNED_IN, "This refresh token is wrong, used up or over. Log in again.")

    async def _prove(
        self, email: str, password: str, code: str | None, address: str
    ) -> tuple[UserRecord, datetime | None]:
        """The user whose password and second factor these are, and when that was shown if it was."""
        email = normal_email(email)
        limits = [
            (f"login {email} {address}", PER_PAIR),
            (f"login email {email}", PER_EMAIL),
            (f"login address {address}", PER_ADDRESS),
            ("login", IN_ALL),
        ]
        self._take(limits)
        async with self._database.transaction(admin=True) as tx:
            user = await find_user_by_email(tx, email)
        usable = user is not None and user.disabled_at is None
        verdict = await self._passwords.verify(user.password_hash if user and usable else None, password)
        if user is None or not verdict.ok:
            log.info("login refused", address=address)
            raise ApiError(WRONG_LOGIN)
        shown_at: datetime | None = None
        async with self._database.transaction(user=user.id) as tx:
            if verdict.rehash is not None:
                await set_password(tx, user.id, verdict.rehash)
            guarded = await self._second_factors.is_on(tx, user.id)
            if guarded and code is not None:
                await self._second_factors.check(tx, user.id, code)
                shown_at = datetime.now(UTC)
        for key, rate in limits:
            self._limiter.give_back(key, rate)
        if guarded and shown_at is None:
            raise ApiError(SECOND_FACTOR_NEEDED)
        return user, shown_at

    async def enter(self, secret: str) -> NewSession:
        """Use a sign-in link, once."""
        async with self._database.transaction(admin=True) as tx:
            link = await find_session(tx, fingerprint(secret), kind="sign_in_link")
            if link is None:
                raise not_found()
            await act_as(tx, link.user_id)
            if not await use_up(tx, link.session_id):
                raise not_found()
            user = await find_user(tx, link.user_id)
            assert user is not None
        return await self._open(user, None)

    async def log_out(self, principal: Principal) -> None:
        async with self._database.transaction(user=principal.user_id) as tx:
            if principal.session_id is not None:
                await use_up(tx, principal.session_id)
            if principal.family is not None:
                await revoke_family(tx, principal.user_id, principal.family)

    async def change_password(self, principal: Principal, current: str, new: str, address: str) -> None:
        """Everything else that was signed in is over: other sessions, links, tokens."""
        await self.check_password(principal, current, address)
        fresh = await self._passwords.hash(new)
        async with self._database.transaction(user=principal.user_id) as tx:
            await set_password(tx, principal.user_id, fresh)
            await revoke_sessions(tx, principal.user_id, keep=principal.session_id)
            await revoke_tokens(tx, principal.user_id)
            await write_audit(tx, principal.user_id, "password.changed", principal.user_id)

    async def check_password(self, principal: Principal, password: str, address: str) -> None:
        """Whoever sits at the keyboard proves once more that they are who signed in."""
        self._take([(f"password {principal.user_id} {address}", PER_PAIR)])
        async with self._database.transaction(user=principal.user_id) as tx:
            user = await find_user(tx, principal.user_id)
        if user is None or not (await self._passwords.verify(user.password_hash, password)).ok:
            raise ApiError(WRONG_LOGIN, "The current password is wrong.")

    def take_code(self, principal: Principal) -> None:
        """Codes have six digits: they are guessed unless somebody counts."""
        self._take([(f"code {principal.user_id}", PER_PAIR)])

    async def _open(self, user: UserRecord, second_factor_at: datetime | None) -> NewSession:
        secret = mint(TokenKind.SESSION)
        session = new_id("ses")
        async with self._database.transaction(user=user.id) as tx:
            ends = await add_session(
                tx,
                session,
                user.id,
                fingerprint(secret),
                self._settings.session_ttl,
                second_factor_at=second_factor_at,
            )
            await write_audit(tx, user.id, "session.opened", session)
        return NewSession(
            secret=secret,
            csrf_token=csrf_token(secret),
            expires_at=ends,
            user_id=user.id,
            email=user.email,
            role=user.role,
        )

    async def _grant(self, tx: AsyncConnection, user: UserId, family: str, second_factor_at: datetime | None) -> Grant:
        access, refresh = mint(TokenKind.ACCESS), mint(TokenKind.REFRESH)
        for secret, ttl, kind in ((access, ACCESS_TTL, "access"), (refresh, REFRESH_TTL, "refresh")):
            await add_session(
                tx,
                new_id("ses"),
                user,
                fingerprint(secret),
                ttl,
                kind=kind,
                family=family,
                second_factor_at=second_factor_at,
            )
        return Grant(access_token=access, refresh_token=refresh, expires_in=int(ACCESS_TTL.total_seconds()))

    def _take(self, limits: list[tuple[str, Rate]]) -> None:
        """The narrow limits come first and end it: what they refuse must not use up what everybody shares."""
        for key, rate in limits:
            if (wait_s := self._limiter.take(key, rate, time.monotonic())) > 0:
                raise too_many(wait_s)


async def create_user(
    database: Database, passwords: Passwords, email: str, password: str, *, role: str = "user"
) -> UserId | None:
    """Add a user and answer their id; None when the e-mail is taken. Staff are added by the owner's role alone."""
    user = UserId(new_id("usr"))
    hashed = await passwords.hash(password)
    async with database.transaction(user=user) as tx:
        if not await add_user(tx, user, email, hashed, role):
            return None
        await write_audit(tx, user, "user.registered", user, {"role": role})
    return user


async def make_sign_in_link(database: Database, user: UserId, *, ttl: timedelta = SIGN_IN_LINK_TTL) -> str:
    """The path of a link that signs this user in, once, within half an hour. It is a secret as good as a password."""
    secret = mint(TokenKind.SIGN_IN_LINK)
    link = new_id("lnk")
    async with database.transaction(user=user) as tx:
        await add_session(tx, link, user, fingerprint(secret), ttl, kind="sign_in_link")
        await write_audit(tx, None, "sign_in_link.made", user)
    return f"/enter/{secret}"
