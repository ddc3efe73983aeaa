"""Users: who may sign in, and as what."""

from collections.abc import Collection, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.keyset import Position, newest_first
from storage.tables import User
from trading.ids import UserId


class UserRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: UserId
    email: str
    password_hash: str
    role: str
    created_at: datetime
    disabled_at: datetime | None

    def __repr__(self) -> str:
        return f"UserRecord({self.id}, {self.role})"


COLUMNS = (User.id, User.email, User.password_hash, User.role, User.created_at, User.disabled_at)


def normal_email(email: str) -> str:
    """The one spelling that is stored and looked up."""
    return email.strip().lower()


async def add_user(tx: AsyncConnection, user: UserId, email: str, password_hash: str, role: str = "user") -> bool:
    """Add a user. False when the e-mail is taken."""
    added = await tx.execute(
        upsert(User)
        .values(id=user, email=normal_email(email), password_hash=password_hash, role=role)
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )
    return added.scalar_one_or_none() is not None


async def _find(tx: AsyncConnection, condition: ColumnElement[bool]) -> UserRecord | None:
    row = (await tx.execute(select(*COLUMNS).where(condition))).one_or_none()
    return None if row is None else UserRecord(**row._mapping)


async def find_user(tx: AsyncConnection, user: UserId) -> UserRecord | None:
    return await _find(tx, User.id == user)


async def find_user_by_email(tx: AsyncConnection, email: str) -> UserRecord | None:
    return await _find(tx, User.email == normal_email(email))


async def list_users(tx: AsyncConnection, after: Position | None, limit: int) -> list[UserRecord]:
    rows = await tx.execute(newest_first(select(*COLUMNS), (User.created_at, User.id), after, limit))
    return [UserRecord(**row._mapping) for row in rows]


async def emails_of(tx: AsyncConnection, users: Collection[UserId]) -> Mapping[UserId, str]:
    rows = await tx.execute(select(User.id, User.email).where(User.id.in_(list(users))))
    return {UserId(row.id): row.email for row in rows}


async def set_password(tx: AsyncConnection, user: UserId, password_hash: str) -> None:
    await tx.execute(update(User).where(User.id == user).values(password_hash=password_hash))


async def set_role(tx: AsyncConnection, user: UserId, role: str) -> None:
    await tx.execute(update(User).where(User.id == user).values(role=role))


async def set_disabled(tx: AsyncConnection, user: UserId, disabled: bool) -> None:
    """Shut a user out, or let them in again. It holds from their next request on."""
    await tx.execute(update(User).where(User.id == user).values(disabled_at=func.now() if disabled else None))
