"""Signing up, in and out.

Hashing a password takes a tenth of a second, and a connection held for that long is one that nobody else has: so these
run their own short transactions around it instead of the request's one.
"""

import time
from datetime import datetime, timedelta

import msgspec
import structlog

from api.errors import REGISTRATION_CLOSED, TAKEN, WRONG_LOGIN, ApiError, not_found, too_many
from api.identity.authentication import csrf_token
from api.identity.principal import Principal
from api.limits import Rate, RateLimiter
from api.settings import ApiSettings
from security.passwords import Passwords
from security.tokens import TokenKind, fingerprint, mint
from storage.audit import write_audit
from storage.database import Database, act_as
from storage.ids import new_id
from storage.sessions import add_session, find_session, revoke_sessions, use_up
from storage.tokens import revoke_tokens
from storage.users import UserRecord, add_user, find_user, find_user_by_email, normal_email, set_password
from trading.ids import UserId

log = structlog.get_logger("api.identity")

SIGN_IN_LINK_TTL = timedelta(minutes=30)

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
    def __init__(self, database: Database, settings: ApiSettings, passwords: Passwords, limiter: RateLimiter) -> None:
        self._database = database
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

    async def log_in(self, email: str, password: str, address: str, before: Principal | None) -> NewSession:
        """Open a new session, whatever the browser came with: an id that was there before is never signed in."""
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
        for key, rate in limits:
            self._limiter.give_back(key, rate)
        async with self._database.transaction(user=user.id) as tx:
            if verdict.rehash is not None:
                await set_password(tx, user.id, verdict.rehash)
            if before is not None and before.session_id is not None:
                await act_as(tx, before.user_id)
                await use_up(tx, before.session_id)
                await act_as(tx, user.id)
        return await self._open(user)

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
        return await self._open(user)

    async def log_out(self, principal: Principal) -> None:
        if principal.session_id is not None:
            async with self._database.transaction(user=principal.user_id) as tx:
                await use_up(tx, principal.session_id)

    async def change_password(self, principal: Principal, current: str, new: str, address: str) -> None:
        """Everything else that was signed in is over: other sessions, links, tokens."""
        self._take([(f"password {principal.user_id} {address}", PER_PAIR)])
        async with self._database.transaction(user=principal.user_id) as tx:
            user = await find_user(tx, principal.user_id)
        if user is None or not (await self._passwords.verify(user.password_hash, current)).ok:
            raise ApiError(WRONG_LOGIN, "The current password is wrong.")
        fresh = await self._passwords.hash(new)
        async with self._database.transaction(user=principal.user_id) as tx:
            await set_password(tx, principal.user_id, fresh)
            await revoke_sessions(tx, principal.user_id, keep=principal.session_id)
            await revoke_tokens(tx, principal.user_id)
            await write_audit(tx, principal.user_id, "password.changed", principal.user_id)

    async def _open(self, user: UserRecord) -> NewSession:
        secret = mint(TokenKind.SESSION)
        session = new_id("ses")
        async with self._database.transaction(user=user.id) as tx:
            ends = await add_session(tx, session, user.id, fingerprint(secret), self._settings.session_ttl)
            await write_audit(tx, user.id, "session.opened", session)
        return NewSession(
            secret=secret,
            csrf_token=csrf_token(secret),
            expires_at=ends,
            user_id=user.id,
            email=user.email,
            role=user.role,
        )

    def _take(self, limits: list[tuple[str, Rate]]) -> None:
        waits = [self._limiter.take(key, rate, time.monotonic()) for key, rate in limits]
        if max(waits) > 0:
            raise too_many(max(waits))


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
