"""What happens, as it happens: in order, nothing left out, to nobody else, and not after signing out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.notifications import EVENTS, notify
from storage.tables import Event
from tests.integration.api.site import Browser, Site

PATH = "/api/v1/events"
SOON_S = 5


class Stream:
    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def next(self) -> tuple[int, str, dict[str, Any]]:
        """The next event: its number, kind and body."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(SOON_S):
            async for line in self._lines:
                if not line and "id" in fields:
                    return int(fields["id"]), fields["event"], msgspec.json.decode(fields["data"])
                name, _, value = line.partition(": ")
                fields[name] = value
        raise EOFError

    async def end(self) -> None:
        async with asyncio.timeout(SOON_S):
            async for _ in self._lines:
                pass


@asynccontextmanager
async def watching(browser: Browser, path: str = PATH, **headers: str) -> AsyncIterator[Stream]:
    async with browser.http.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith(": here")
        yield Stream(lines)


async def happen(tx: AsyncConnection, user: str, account: str | None = None, **body: Any) -> int:
    row = {"user_id": user, "account_id": account, "kind": "status", "body": body}
    added = await tx.execute(insert(Event).values(**row).returning(Event.id))
    await notify(tx, EVENTS, user)
    number: int = added.scalar_one()
    return number


async def commit(site: Site, user: str, account: str | None = None, **body: Any) -> int:
    async with site.fleet.transaction() as tx:
        return await happen(tx, user, account, **body)


async def age(site: Site) -> None:
    """Time passes: nothing with a lower number is on its way any more."""
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql("UPDATE events SET at = at - interval '1 minute'")


async def test_what_is_committed_is_seen_and_what_was_before_is_not(site: Site, ada: Browser) -> None:
    await commit(site, ada.user_id, state="before")
    async with watching(ada) as stream:
        number = await commit(site, ada.user_id, state="running")
        event = await stream.next()
    assert event[:2] == (number, "status")
    assert event[2]["state"] == "running"


async def test_nobody_sees_what_happens_to_others(site: Site, ada: Browser, bob: Browser) -> None:
    async with watching(bob) as stream:
        await commit(site, ada.user_id, state="hers")
        await commit(site, bob.user_id, state="his")
        assert (await stream.next())[2]["state"] == "his"


async def test_whoever_comes_back_gets_what_they_missed(site: Site, ada: Browser) -> None:
    numbers = [await commit(site, ada.user_id, state=str(count)) for count in range(4)]
    await age(site)
    async with watching(ada, **{"Last-Event-ID": str(numbers[1])}) as stream:
        assert [(await stream.next())[0] for _ in range(2)] == numbers[2:]
    async with watching(ada, f"{PATH}?after={numbers[2]}") as stream:
        assert (await stream.next())[0] == numbers[3]


async def test_what_was_numbered_first_and_committed_last_is_seen_too_and_nothing_twice(
    site: Site, ada: Browser
) -> None:
    async with watching(ada) as stream:
        async with site.fleet.transaction() as slow:
            first = await happen(slow, ada.user_id, state="slow")
            second = await commit(site, ada.user_id, state="quick")
            assert (await stream.next())[0] == second
        third = await commit(site, ada.user_id, state="later")
        seen = [(await stream.next())[0] for _ in range(2)]
    assert first < second < third
    assert seen == [first, third]


async def test_more_than_one_batch_comes_whole_and_in_order(site: Site, ada: Browser) -> None:
    start = await commit(site, ada.user_id)
    await age(site)
    rows = [{"user_id": ada.user_id, "kind": "status", "body": {"number": number}} for number in range(1200)]
    async with site.fleet.transaction() as tx:
        await tx.execute(insert(Event), rows)
    async with watching(ada, **{"Last-Event-ID": str(start)}) as stream:
        seen = [(await stream.next())[2]["number"] for _ in range(1200)]
    assert seen == list(range(1200))


async def test_signing_out_ends_the_stream_at_once(ada: Browser) -> None:
    async with watching(ada) as stream:
        assert (await ada.post("/api/v1/auth/logout")).status_code == 204
        await stream.end()


async def test_a_revoked_token_hears_no_more(site: Site, ada: Browser) -> None:
    made = (await ada.post("/api/v1/tokens", json={"name": "x"})).json()
    program = site.browser(Authorization=f"Bearer {made['secret']}")
    async with watching(program) as stream:
        await ada.delete(f"/api/v1/tokens/{made['token']['id']}")
        await stream.end()


async def test_a_token_of_one_account_hears_of_that_account_alone(site: Site, ada: Browser) -> None:
    mine, other = await ada.make_account("Mine"), await ada.make_account("Other")
    secret = (await ada.post("/api/v1/tokens", json={"name": "x", "account_id": mine})).json()["secret"]
    program = site.browser(Authorization=f"Bearer {secret}")
    async with watching(program) as stream:
        await commit(site, ada.user_id, other, state="other")
        await commit(site, ada.user_id, mine, state="mine")
        assert (await stream.next())[2]["account_id"] == mine
    assert (await program.get(f"{PATH}?account_id={other}")).status_code == 404


async def test_nobody_listens_to_somebody_elses_account(ada: Browser, bob: Browser) -> None:
    account = await ada.make_account()
    assert (await bob.get(f"{PATH}?account_id={account}")).status_code == 404


async def test_who_leaves_is_forgotten(site: Site, ada: Browser) -> None:
    async with watching(ada):
        assert site.feed.watching == 1
    async with asyncio.timeout(SOON_S):
        while site.feed.watching:  # noqa: ASYNC110  (the server notices in its own time)
            await asyncio.sleep(0.01)


async def test_one_user_cannot_take_all_the_streams(site: Site, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.live.feed.WATCHERS_PER_USER_MAX", 1)
    async with watching(ada):
        answer = await ada.get(PATH)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many")


async def test_a_closed_feed_lets_everybody_go(site: Site, ada: Browser) -> None:
    async with watching(ada) as stream:
        site.feed.close()
        await stream.end()
    site.feed.closed = False


@pytest.mark.parametrize("number", ["-1", "x", "9" * 30, "1.5"])
async def test_only_the_number_of_an_event_is_taken_for_one(ada: Browser, number: str) -> None:
    answer = await ada.get(PATH, headers={"Last-Event-ID": number})
    assert answer.status_code == 400
