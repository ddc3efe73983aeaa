"""`/events`: a stream of server-sent events, resumable from the last one that was seen."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream
from litestar.response.sse import ServerSentEventMessage
from sqlalchemy.ext.asyncio import AsyncConnection

from api.errors import invalid, not_found
from api.identity.authentication import is_live
from api.identity.principal import Principal
from api.live.feed import Feed, until_lost
from storage.accounts import find_account
from storage.database import Database
from storage.events import SETTLED_AFTER, EventRecord, events_after, newest_event
from trading.events import OrderChanged
from trading.ids import AccountId
from trading.money import plain

PING_S = 15.0
"""Proxies close what is silent; and who is signed out without anybody saying so is noticed here."""
BATCH = 500

LastEvent = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", max_length=20, description="Go on after this event.")
]
After = Annotated[int | None, QueryParameter(name="after", ge=0, le=2**62, description="The same, as a parameter.")]
OneAccount = Annotated[
    str | None, QueryParameter(name="account_id", max_length=64, description="Only of this account.")
]


class LiveController(Controller):
    path = "/events"
    tags = ("History",)

    @get("/", media_type="text/event-stream", operation_id="streamEvents")
    async def stream(
        self,
        *,
        principal: NamedDependency[Principal],
        database: NamedDependency[Database],
        feed: NamedDependency[Feed],
        last_event: LastEvent = None,
        after: After = None,
        account_id: OneAccount = None,
    ) -> Stream:
        """Fills and orders as they are committed, in order; with `Last-Event-ID` from where you left off.

        Each comes at least once: an event that comes again has the same `id`. Without it, from now on.
        """
        feed.refuse_too_many(principal.user_id)
        account = principal.account if account_id is None else AccountId(account_id)
        watcher = Watcher(database, feed, principal, account)
        async with database.transaction(user=principal.user_id) as tx:
            if account is not None and await find_account(tx, account, principal.reach) is None:
                raise not_found()
            if last_event is not None:
                after = _number(last_event)
            await watcher.begin(tx, after)
        headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store"}
        return Stream(until_lost(watcher.frames()), media_type="text/event-stream", headers=headers)


class Watcher:
    """One stream: it reads, sends, and waits to be woken. For a slow reader it waits; nothing queues up."""

    def __init__(self, database: Database, feed: Feed, principal: Principal, account: AccountId | None) -> None:
        self._database = database
        self._feed = feed
        self._principal = principal
        self._account = account
        self._seen = 0
        self._lately: dict[int, datetime] = {}
        """Sent a moment ago, lest it be sent again."""

    async def begin(self, tx: AsyncConnection, after: int | None) -> None:
        """Go on after this event, or from now on."""
        if after is not None:
            self._seen = after
            return
        self._seen = await newest_event(tx, self._principal.user_id)
        self._lately = {event.id: event.at for event in await self._read(tx)}

    async def frames(self) -> AsyncIterator[bytes]:
        with self._feed.watch(self._principal.user_id) as woken:
            yield ServerSentEventMessage(data=None, comment="here", retry=1000).encode()
            while not self._feed.closed:
                woken.clear()
                async with self._database.transaction(user=self._principal.user_id) as tx:
                    if not await is_live(tx, self._principal):
                        return
                    found = await self._read(tx)
                for event in found:
                    yield frame(event)
                self._remember(found)
                if len(found) < BATCH and not await _woken_within(woken, PING_S):
                    yield ServerSentEventMessage(data=None, comment="ping").encode()

    async def _read(self, tx: AsyncConnection) -> list[EventRecord]:
        user = self._principal.user_id
        return await events_after(tx, user, self._seen, BATCH, known=self._lately, account=self._account)

    def _remember(self, found: list[EventRecord]) -> None:
        self._seen = max([self._seen, *(event.id for event in found)])
        self._lately |= {event.id: event.at for event in found}
        if self._lately:
            newest = max(self._lately.values())
            self._lately = {name: at for name, at in self._lately.items() if newest - at < 2 * SETTLED_AFTER}


async def _woken_within(woken: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await woken.wait()
    except TimeoutError:
        return False


def frame(event: EventRecord) -> bytes:
    body = event.body
    if event.kind in {"order", "fill"}:
        body = written_out(msgspec.to_builtins(msgspec.convert(body, OrderChanged), builtin_types=(Decimal,)))
    data = {"account_id": event.account_id, "at": event.at, **body}
    return ServerSentEventMessage(data=msgspec.json.encode(data), event=event.kind, id=event.id).encode()


def written_out(value: Any) -> Any:
    """Amounts without an exponent, however deep."""
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dict):
        return {name: written_out(inner) for name, inner in value.items()}
    return value


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise invalid("?Last-Event-ID", "it is the number of an event, as its `id` said")
    return int(text)
