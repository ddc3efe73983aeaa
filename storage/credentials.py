"""Sealed exchange keys. They are opened in the gateway alone; here they are only rows."""

from datetime import datetime

import msgspec
from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from security.envelope import Sealed
from storage.errors import StorageError
from storage.tables import Credential
from trading.ids import AccountId, UserId


class CredentialFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the API may read of a key."""

    key_last4: str
    version: int
    updated_at: datetime


class CredentialMissing(StorageError):
    """The account has no exchange key."""

    def __init__(self, account: AccountId) -> None:
        super().__init__(f"{account} has no exchange key: put one in first")


async def read(tx: AsyncConnection, account: AccountId) -> Sealed:
    """The account's key, still sealed. The API's role may not ask."""
    columns = (Credential.sealed, Credential.wrapped_key, Credential.master_key_id)
    row = (await tx.execute(select(*columns).where(Credential.account_id == account))).one_or_none()
    if row is None:
        raise CredentialMissing(account)
    return Sealed(**row._mapping)


async def write(tx: AsyncConnection, account: AccountId, user: UserId, sealed: Sealed, *, key_last4: str) -> int:
    """Put the key in, or replace the one that is there. Answers its version."""
    values = {
        "key_last4": key_last4,
        "sealed": sealed.sealed,
        "wrapped_key": sealed.wrapped_key,
        "master_key_id": sealed.master_key_id,
    }
    # The values are given twice, since `EXCLUDED` reads the column, and the API's role may not read what it writes.
    version: int | None = await tx.scalar(
        insert(Credential)
        .values(account_id=account, user_id=user, **values)
        .on_conflict_do_update(
            index_elements=[Credential.account_id],
            set_=values | {"version": Credential.version + 1, "updated_at": func.clock_timestamp()},
        )
        .returning(Credential.version)
    )
    assert version is not None
    return version


async def describe(tx: AsyncConnection, account: AccountId) -> CredentialFacts | None:
    columns = (Credential.key_last4, Credential.version, Credential.updated_at)
    row = (await tx.execute(select(*columns).where(Credential.account_id == account))).one_or_none()
    return None if row is None else CredentialFacts(**row._mapping)


async def remove(tx: AsyncConnection, account: AccountId) -> bool:
    """Forget the key. False when there was none."""
    removed = await tx.execute(
        delete(Credential).where(Credential.account_id == account).returning(Credential.account_id)
    )
    return removed.one_or_none() is not None


async def rewrap(tx: AsyncConnection, account: AccountId, sealed: Sealed) -> None:
    """The same key under another master key: its version stays."""
    await tx.execute(
        update(Credential)
        .where(Credential.account_id == account)
        .values(wrapped_key=sealed.wrapped_key, master_key_id=sealed.master_key_id)
    )
