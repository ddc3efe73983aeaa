"""Sessions and sign-in links. Only the hash of their secret is kept; whoever holds the secret is the user."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import and_, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.notifications import EVENTS, notify
from storage.tables import Session, User
from trading.ids import UserId

LIVE = (Session.revoked_at.is_(None), Session.expires_at > func.now())


class SignedIn(msgspec.Struct, frozen=True, kw_only=True):
    """A live session and the enabled user behind it."""

    session_id: str
    user_id: UserId
    email: str
    role: str
    expires_at: datetime
    last_seen_at: datetime | None
    family: str | None
    second_factor_at: datetime | None


class RefreshRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A refresh token, used or not: one that comes back after its use was stolen, or its successor was."""

    id: str
    user_id: UserId
    family: str
    live: bool


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime | None


async def add_session(
    tx: AsyncConnection,
    session: str,
    user: UserId,
    secret_hash: bytes,
    ttl: timedelta,
    *,
    kind: str = "session",
    family: str | None = None,
    second_factor_at: datetime | None = None,
) -> datetime:
    """Open a session, or make a link or token. Answers when it ends."""
    added = await tx.execute(
        insert(Session)
        .values(
            id=session,
            user_id=user,
            kind=kind,
            secret_hash=secret_hash,
            expires_at=func.now() + ttl,
            family=family,
            second_factor_at=second_factor_at,
        )
        .returning(Session.expires_at)
    )
    expires_at: datetime = added.scalar_one()
    return expires_at


# Every request asks this: it is built once.
FIND = (
    select(
        Session.id.label("session_id"),
        Session.user_id,
        User.email,
        User.role,
        Session.expires_at,
        Session.last_seen_at,
        Session.family,
        Session.second_factor_at,
    )
    .join(User, User.id == Session.user_id)
    .where(
        Session.secret_hash == bindparam("secret_hash"),
        Session.kind == bindparam("kind"),
        *LIVE,
        User.disabled_at.is_(None),
    )
)


async def find_session(tx: AsyncConnection, secret_hash: bytes, *, kind: str = "session") -> SignedIn | None:
    """Who holds this secret now: nobody once it is revoked or over, or its user disabled."""
    found = await tx.execute(FIND, {"secret_hash": secret_hash, "kind": kind})
    row = found.one_or_none()
    return None if row is None else SignedIn(**row._mapping)


async def use_up(tx: AsyncConnection, session: str) -> bool:
    """Revoke it, once: of several who try at the same time, one is told True."""
    used = await tx.execute(
        update(Session)
        .where(Session.id == session, Session.revoked_at.is_(None))
        .values(revoked_at=func.now(), last_seen_at=func.now())
        .returning(Session.user_id)
    )
    user = used.scalar_one_or_none()
    if user is None:
        return False
    await notify(tx, EVENTS, user)  # what is streamed to it ends now
    return True


async def session_is_live(tx: AsyncConnection, session: str) -> bool:
    found = await tx.execute(
        select(Session.id)
        .join(User, User.id == Session.user_id)
        .where(Session.id == session, *LIVE, User.disabled_at.is_(None))
    )
    return found.first() is not None


async def find_refresh(tx: AsyncConnection, secret_hash: bytes) -> RefreshRecord | None:
    """A refresh token, be it used up or over, of an enabled user."""
    found = await tx.execute(
        select(Session.id, Session.user_id, Session.family, and_(*LIVE).label("live"))
        .join(User, User.id == Session.user_id)
        .where(Session.secret_hash == secret_hash, Session.kind == "refresh", User.disabled_at.is_(None))
    )
    row = found.one_or_none()
    return None if row is None else RefreshRecord(**row._mapping)


async def revoke_family(tx: AsyncConnection, user: UserId, family: str) -> None:
    """End every token that descends from one login."""
    await tx.execute(
        update(Session).where(Session.family == family, Session.revoked_at.is_(None)).values(revoked_at=func.now())
    )
    await notify(tx, EVENTS, user)


async def mark_second_factor(tx: AsyncConnection, session: str) -> None:
    await tx.execute(update(Session).where(Session.id == session).values(second_factor_at=func.now()))


async def mark_seen(tx: AsyncConnection, session: str) -> None:
    await tx.execute(update(Session).where(Session.id == session).values(last_seen_at=func.now()))


async def list_sessions(tx: AsyncConnection, user: UserId) -> list[SessionRecord]:
    rows = await tx.execute(
        select(Session.id, Session.created_at, Session.expires_at, Session.last_seen_at)
        .where(
            Session.user_id == user,
            Session.kind == "session",
            *LIVE,
        )
        .order_by(Session.created_at.desc(), Session.id)
    )
    return [SessionRecord(**row._mapping) for row in rows]


async def revoke_sessions(tx: AsyncConnection, user: UserId, *, keep: str | None = None) -> None:
    """End all of a user's sessions and links, but for the one to keep."""
    await tx.execute(
        update(Session)
        .where(Session.user_id == user, Session.revoked_at.is_(None), Session.id != (keep or ""))
        .values(revoked_at=func.now())
    )
    await notify(tx, EVENTS, user)
