"""The outbox, as those who watch it read it: everything that happens to a user's accounts, in order."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, all_, and_, func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.notifications import EVENTS, notify
from storage.tables import Event
from trading.ids import AccountId, UserId

SETTLED_AFTER = timedelta(seconds=10)
"""Numbers are given out before the commit, so 11 may be seen before 10. Later than this, 10 does not come any more."""


IDS = ARRAY(BigInteger)


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    at: datetime
    account_id: AccountId | None
    kind: str
    body: Mapping[str, Any]


class News(msgspec.Struct, frozen=True):
    """An entry to be."""

    user: UserId
    account: AccountId | None
    kind: str
    body: Mapping[str, Any]


COLUMNS = (Event.id, Event.at, Event.account_id, Event.kind, Event.body)


async def tell(tx: AsyncConnection, news: Sequence[News]) -> None:
    """Write entries, in this order, and wake whoever watches these users when the transaction commits."""
    if not news:
        return
    await tx.execute(
        insert(Event),
        [
            {"user_id": each.user, "account_id": each.account, "kind": each.kind, "body": dict(each.body)}
            for each in news
        ],
    )
    for user in sorted({each.user for each in news}):
        await notify(tx, EVENTS, user)


async def newest_event(tx: AsyncConnection, user: UserId) -> int:
    """The number of the user's newest event; 0 when there is none."""
    found = await tx.execute(select(Event.id).where(Event.user_id == user).order_by(Event.id.desc()).limit(1))
    return found.scalar_one_or_none() or 0


async def events_after(
    tx: AsyncConnection,
    user: UserId,
    after: int,
    limit: int,
    *,
    known: Collection[int] = (),
    account: AccountId | None = None,
) -> list[EventRecord]:
    """What came after this number, oldest first, and what was given a lower one but was committed only lately.

    Of the latter only what is not `known`: pass the numbers that were read in the last `SETTLED_AFTER`.
    """
    lately = and_(Event.at > func.clock_timestamp() - SETTLED_AFTER, Event.id != all_(literal(list(known), IDS)))
    query = select(*COLUMNS).where(Event.user_id == user, or_(Event.id > after, lately)).order_by(Event.id).limit(limit)
    if account is not None:
        query = query.where(Event.account_id == account)
    return [EventRecord(**row._mapping) for row in await tx.execute(query)]
