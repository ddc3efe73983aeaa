"""One stream a page: the parts that changed, and what happened, as it is committed. A page asks for nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
from litestar.response.sse import ServerSentEventMessage
from sqlalchemy.ext.asyncio import AsyncConnection

from api.identity.authentication import is_live
from api.identity.principal import Principal
from api.live.feed import Feed
from api.pages.look import grouped
from api.pages.visit import Page, Visit, as_partials
from storage.database import Database
from storage.events import EventRecord, events_after, newest_event

FRAME_S_MIN = 0.25
"""No more than four frames a second, whatever happens: a browser takes them one by one."""
LOOK_S = 2.0
"""Heartbeats and ages change without anybody saying so."""
NOTES_MAX = 50

Show = Callable[[AsyncConnection], Awaitable[tuple[Visit, Page]]]


class PageStream:
    """Reads, sends what changed, and waits to be woken. A slow reader is waited for; nothing queues up."""

    def __init__(
        self, database: Database, feed: Feed, principal: Principal, show: Show, *, admin: bool, after: int | None
    ) -> None:
        self._database = database
        self._feed = feed
        self._principal = principal
        self._show = show
        self._admin = admin
        self._seen = after
        self._shown: dict[str, str] = {}
        self._drawn: str | None = None

    async def frames(self) -> AsyncIterator[bytes]:
        user = self._principal.user_id
        with self._feed.watch(user) as woken:
            while not self._feed.closed:
                woken.clear()
                async with self._database.transaction(user=user, admin=self._admin) as tx:
                    if not await is_live(tx, self._principal):
                        yield message("gone", {})
                        return
                    frames = await self._look(tx)
                for frame in frames:
                    yield frame
                await asyncio.sleep(FRAME_S_MIN)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await woken.wait()

    async def _look(self, tx: AsyncConnection) -> list[bytes]:
        visit, page = await self._show(tx)
        fragments = await visit.fragments(page)
        changed = {name: html for name, html in fragments.items() if self._shown.get(name) != html}
        self._shown = fragments
        redraw = page.context.get("redraw")
        redrawn, self._drawn = self._drawn not in {None, redraw}, redraw
        if self._seen is None:
            self._seen = await newest_event(tx, self._principal.user_id)
        news = await events_after(tx, self._principal.user_id, self._seen, NOTES_MAX)
        new = [event for event in news if event.id > self._seen]
        self._seen = max([self._seen, *(event.id for event in new)])
        frames = [message("note", {"text": text}) for event in new if (text := await said(visit, event))]
        frames += [message("point", point) for point in page.context.get("points", ())]
        if redrawn:
            frames.append(message("redraw", {}))
        if changed:
            html = as_partials(changed)
            frames.append(ServerSentEventMessage(data=html, id=self._seen).encode())
        return [*frames, message("beat", {})]


def message(name: str, body: Mapping[str, Any]) -> bytes:
    return ServerSentEventMessage(data=msgspec.json.encode(body).decode(), event=name).encode()


async def said(visit: Visit, event: EventRecord) -> str:
    """An event in a sentence, for those who do not see the page change. Only fills are worth one."""
    fill = event.body.get("fill")
    if event.kind != "fill" or not isinstance(fill, Mapping):
        return ""
    names = {record.id: record.name for record in await visit.records()}
    return visit.look.texts(
        "{account}: bought {quantity} {symbol} at {price}"
        if fill["side"] == "buy"
        else "{account}: sold {quantity} {symbol} at {price}",
        account=names.get(event.account_id, "") if event.account_id else "",
        quantity=grouped_text(fill["quantity"]),
        symbol=fill["symbol"],
        price=grouped_text(fill["price"]),
    )


def grouped_text(amount: Any) -> str:
    return grouped(Decimal(str(amount)))
