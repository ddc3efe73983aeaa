"""Personal API tokens. Only their hash is kept."""

from datetime import datetime

import msgspec
from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.notifications import EVENTS, notify
from storage.tables import ApiToken, User
from trading.ids import AccountId, UserId


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    scopes: list[str]
    account_id: AccountId | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A live token and the enabled user behind it."""

    token_id: str
    user_id: UserId
    email: str
    role: str
    scopes: list[str]
    account_id: AccountId | None
    last_used_at: datetime | None


COLUMNS = (
    ApiToken.id,
    ApiToken.name,
    ApiToken.scopes,
    ApiToken.account_id,
    ApiToken.created_at,
    ApiToken.expires_at,
    ApiToken.last_used_at,
)
LIVE = (ApiToken.revoked_at.is_(None), or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > func.now()))


async def add_token(
    tx: AsyncConnection,
    token: str,
    user: UserId,
    secret_hash: bytes,
    *,
    name: str,
    scopes: list[str],
    account: AccountId | None,
    expires_at: datetime | None,
) -> TokenRecord:
    added = await tx.execute(
        insert(ApiToken)
        .values(
            id=token,
            user_id=user,
            name=name,
            token_hash=secret_hash,
            scopes=scopes,
            account_id=account,
            expires_at=expires_at,
        )
        .returning(*COLUMNS)
    )
    return TokenRecord(**added.one()._mapping)


async def find_token(tx: AsyncConnection, secret_hash: bytes) -> TokenHolder | None:
    """Who holds this secret now: nobody once it is revoked or over, or its user disabled."""
    found = await tx.execute(
        select(
            ApiToken.id.label("token_id"),
            ApiToken.user_id,
            User.email,
            User.role,
            ApiToken.scopes,
            ApiToken.account_id,
            ApiToken.last_used_at,
        )
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.token_hash == secret_hash, *LIVE, User.disabled_at.is_(None))
    )
    row = found.one_or_none()
    return None if row is None else TokenHolder(**row._mapping)


async def mark_used(tx: AsyncConnection, token: str) -> None:
    await tx.execute(update(ApiToken).where(ApiToken.id == token).values(last_used_at=func.now()))


async def list_tokens(tx: AsyncConnection, user: UserId) -> list[TokenRecord]:
    rows = await tx.execute(
        select(*COLUMNS).where(ApiToken.user_id == user, *LIVE).order_by(ApiToken.created_at.desc(), ApiToken.id)
    )
    return [TokenRecord(**row._mapping) for row in rows]


async def revoke_token(tx: AsyncConnection, user: UserId, token: str) -> bool:
    """End a token. False when the user has no such live one."""
    revoked = await tx.execute(
        update(ApiToken)
        .where(ApiToken.id == token, ApiToken.user_id == user, *LIVE)
        .values(revoked_at=func.now())
        .returning(ApiToken.id)
    )
    if revoked.scalar_one_or_none() is None:
        return False
    await notify(tx, EVENTS, user)  # what is streamed to it ends now
    return True


async def token_is_live(tx: AsyncConnection, token: str) -> bool:
    found = await tx.execute(
        select(ApiToken.id)
        .join(User, User.id == ApiToken.user_id)
        .where(ApiToken.id == token, *LIVE, User.disabled_at.is_(None))
    )
    return found.first() is not None


async def revoke_tokens(tx: AsyncConnection, user: UserId) -> None:
    await tx.execute(
        update(ApiToken).where(ApiToken.user_id == user, ApiToken.revoked_at.is_(None)).values(revoked_at=func.now())
    )
    await notify(tx, EVENTS, user)
