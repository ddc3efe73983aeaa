"""The audit log: what people changed, in a chain of hashes that shows when a row was altered or taken out."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import AuditEntry
from trading.ids import UserId

FIRST = b"\0" * 32
CHAIN_LOCK = 7_265_118_401
"""Advisory lock: one link is forged at a time. Held to the end of the transaction, so write the audit row last."""


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    at: datetime
    actor_id: UserId | None
    action: str
    subject: str
    detail: Mapping[str, Any]
    previous_hash: bytes
    hash: bytes


COLUMNS = (
    AuditEntry.id,
    AuditEntry.at,
    AuditEntry.actor_id,
    AuditEntry.action,
    AuditEntry.subject,
    AuditEntry.detail,
    AuditEntry.previous_hash,
    AuditEntry.hash,
)


def link_hash(previous: bytes, entry: Mapping[str, Any]) -> bytes:
    """What a row's hash must be, given the row before it."""
    body = [entry["at"].astimezone(UTC), *(entry[name] for name in ("actor_id", "action", "subject", "detail"))]
    # Keys in order: JSONB gives them back in an order of its own.
    return hashlib.sha256(previous + msgspec.json.encode(body, order="deterministic")).digest()


async def write_audit(
    tx: AsyncConnection, actor: UserId | None, action: str, subject: str, detail: Mapping[str, Any] | None = None
) -> None:
    """Write down who did what to what, in the transaction that does it. `detail` holds plain JSON and no secret."""
    await tx.execute(select(func.pg_advisory_xact_lock(CHAIN_LOCK)))
    newest = await tx.execute(select(AuditEntry.hash).order_by(AuditEntry.id.desc()).limit(1))
    previous = newest.scalar_one_or_none() or FIRST
    at: datetime = (await tx.execute(select(func.clock_timestamp()))).scalar_one()
    entry = {"at": at, "actor_id": actor, "action": action, "subject": subject, "detail": dict(detail or {})}
    await tx.execute(insert(AuditEntry).values(**entry, previous_hash=previous, hash=link_hash(previous, entry)))


async def list_audit(
    tx: AsyncConnection, before: int | None, limit: int, *, subject: str | None = None
) -> list[AuditRecord]:
    """Newest first, those before an id. One more than the limit says that there is a next page."""
    query = select(*COLUMNS).order_by(AuditEntry.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if subject is not None:
        query = query.where(AuditEntry.subject == subject)
    return [AuditRecord(**row._mapping) for row in await tx.execute(query)]


async def broken_link(tx: AsyncConnection) -> int | None:
    """The id of the first row whose hash or predecessor does not fit, or None when the whole chain holds.

    What nobody can see in a chain is that its newest rows were cut off: compare its length with a copy kept elsewhere.
    """
    previous = FIRST
    async with tx.stream(select(*COLUMNS).order_by(AuditEntry.id)) as rows:
        async for row in rows:
            if row.previous_hash != previous or row.hash != link_hash(previous, row._asdict()):
                broken: int = row.id
                return broken
            previous = row.hash
    return None
