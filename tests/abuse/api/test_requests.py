"""Requests made to break something: none is answered with a fault of ours, and none does half of what it asks."""

import asyncio
import socket
from typing import Any

import msgspec
import pytest

from api.identity.guard import CSRF_HEADER
from tests.integration.api.site import NAIVE, PASSWORD, SETTINGS, Browser, Site, serve

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

ACCOUNTS = "/api/v1/accounts"
FOREIGN_FIELDS = ("user_id", "role", "epoch", "id", "desired_state", "created_at", "version", "isolated", "__class__")
WHY = {"reason": "because of the test"}
HALT = {"state": "halted", **WHY}


async def raw(browser: Browser, body: bytes, content_type: str = "application/json") -> Any:
    return await browser.post(ACCOUNTS, content=body, headers={"Content-Type": content_type})


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid"),
        (b"{", 400, "malformed"),
        (b"null", 400, "invalid"),
        (b"[]", 400, "invalid"),
        (b'"text"', 400, "invalid"),
        (b"\xff\xfe", 400, "malformed"),
        (b'{"name": "\xff", "venue": "paper"}', 400, "malformed"),
        (b'{"name": "a\\u0000b", "venue": "paper"}', 400, "malformed"),
        (b'{"name": "\\ud800", "venue": "paper"}', 400, "malformed"),
        (b'{"name": NaN}', 400, "malformed"),
        (b'{"name": 1e999}', 400, "malformed"),
        (b"[" * 50_000, 400, "malformed"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400, "malformed"),
        (b'{"name": "' + b"x" * 70_000 + b'"}', 413, "too_large"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(ada: Browser, body: bytes, status: int, code: str) -> None:
    answer = await raw(ada, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await ada.get(ACCOUNTS)).json()["items"] == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_only_json_said_to_be_json_is_read(ada: Browser, kind: str) -> None:
    """A form on another site can send these without being asked first; it cannot send JSON."""
    answer = await raw(ada, b'{"name": "x", "venue": "paper"}', kind)
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


async def test_a_body_sent_drop_by_drop_is_given_up_and_others_are_served(database_url: str) -> None:
    async with serve(database_url, msgspec.structs.replace(SETTINGS, body_timeout_s=0.2)) as site:
        ada = await site.sign_in("ada@example.com")
        host, _, port = site.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        cookie = "; ".join(f"{name}={value}" for name, value in ada.http.cookies.items())
        head = (
            f"POST {ACCOUNTS} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: 100\r\nCookie: {cookie}\r\nX-CSRF-Token: {ada.http.headers[CSRF_HEADER]}\r\n\r\n{{"
        )
        writer.write(head.encode())
        await writer.drain()
        assert (await ada.get("/api/v1/me")).status_code == 200
        async with asyncio.timeout(5):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"did not arrive in time" in answer
        writer.close()


async def test_no_body_can_name_what_is_not_its_senders_to_say(site: Site, ada: Browser) -> None:
    """Mass assignment, tried on every route that takes a body."""
    account = await ada.make_account(ready=True)
    admin = await site.sign_in(f"admin-{account}@example.com", "admin")
    bodies: dict[tuple[Any, str, str], dict[str, Any]] = {
        (ada, "post", "/api/v1/auth/register"): {"email": "x@example.com", "password": PASSWORD},
        (ada, "post", "/api/v1/auth/login"): {"email": ada.email, "password": PASSWORD},
        (ada, "post", "/api/v1/auth/tokens"): {"email": ada.email, "password": PASSWORD},
        (ada, "post", "/api/v1/auth/refresh"): {"refresh_token": "x"},
        (ada, "post", "/api/v1/me/second-factor"): {"password": PASSWORD},
        **{
            (ada, "post", f"/api/v1/me/second-factor/{verb}"): {"code": "123456"}
            for verb in ("confirm", "show", "remove")
        },
        (ada, "post", f"{ACCOUNTS}/{account}/start"): {},
        (ada, "post", f"{ACCOUNTS}/{account}/stop"): {"mode": "cancel"},
        (ada, "post", f"{ACCOUNTS}/{account}/commands"): {"name": "resume"},
        (ada, "post", "/api/v1/me/password"): {"current": PASSWORD, "new": PASSWORD},
        (ada, "post", "/api/v1/tokens"): {"name": "x"},
        (ada, "post", ACCOUNTS): {"name": "x", "venue": "paper"},
        (ada, "patch", f"{ACCOUNTS}/{account}"): {"name": "x"},
        (ada, "put", f"{ACCOUNTS}/{account}/credentials"): {"key": "12345678", "secret": "12345678"},
        (ada, "put", f"{ACCOUNTS}/{account}/config"): NAIVE,
        (ada, "put", "/api/v1/controls"): HALT,
        (ada, "put", f"{ACCOUNTS}/{account}/controls"): HALT,
        (admin, "put", "/api/v1/admin/control"): HALT,
        (admin, "put", f"/api/v1/admin/users/{ada.user_id}/control"): HALT,
        (admin, "put", f"/api/v1/admin/accounts/{account}/control"): HALT,
        **{
            (admin, "post", f"/api/v1/admin/accounts/{account}/{verb}"): WHY
            for verb in ("start", "pause", "resume", "stop")
        },
        **{(admin, "post", f"/api/v1/admin/users/{ada.user_id}/{verb}"): WHY for verb in ("disable", "enable")},
    }
    schema = (await site.browser().get("/api/openapi.json")).json()
    with_body = sum("requestBody" in operation for item in schema["paths"].values() for operation in item.values())
    assert len(bodies) == with_body, "a route with a body is missing here"
    for (browser, verb, path), body in bodies.items():
        for field in FOREIGN_FIELDS:
            answer = await browser.http.request(verb.upper(), path, json={**body, field: "x"})
            assert answer.status_code == 400, (path, field)
            assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{field}"], (path, field)


UNSAFE = [("post", ACCOUNTS), ("patch", "{account}"), ("delete", "{account}"), ("post", "{account}/start"),
          ("put", "{account}/credentials"), ("put", "{account}/config"), ("post", "/api/v1/auth/logout"),
          ("post", "/api/v1/tokens"), ("post", "/api/v1/me/password")]  # fmt: skip


@pytest.mark.parametrize(("verb", "path"), UNSAFE)
@pytest.mark.parametrize("forged", [None, "", "wrong", "another user's"])
async def test_a_cookie_alone_changes_nothing(
    site: Site, ada: Browser, bob: Browser, verb: str, path: str, forged: str | None
) -> None:
    account = await ada.make_account()
    headers = {"another user's": bob.http.headers[CSRF_HEADER]}.get(forged or "", forged)
    del ada.http.headers[CSRF_HEADER]
    sent = {} if headers is None else {CSRF_HEADER: headers}
    url = path.format(account=f"{ACCOUNTS}/{account}")
    answer = await ada.http.request(verb.upper(), url, json={"name": "x", "venue": "paper"}, headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")
    assert (await ada.get(f"{ACCOUNTS}/{account}")).json()["name"] == "First"


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_another_site_cannot_log_a_browser_in(site: Site, ada: Browser, headers: dict[str, str]) -> None:
    """A forced login would have the victim put their keys into the attacker's account."""
    for path, body in (
        ("/api/v1/auth/login", {"json": {"email": ada.email, "password": PASSWORD}}),
        ("/login", {"data": {"email": ada.email, "password": PASSWORD}}),
    ):
        answer = await site.browser().post(path, headers=headers, **body)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


async def test_a_session_id_that_was_there_before_is_never_signed_in(site: Site, ada: Browser, bob: Browser) -> None:
    """Fixation: an attacker plants an id, invented or their own, and waits for the victim to log in with it."""
    for planted in ("tf_session_" + "a" * 43, "invented", bob.http.cookies["tf_session"]):
        victim = site.browser(ada.email)
        victim.http.cookies.set("tf_session", planted, domain="127.0.0.1")
        await victim.sign_in()
        assert victim.http.cookies.get("tf_session", domain="127.0.0.1") != planted
        attacker = site.browser()
        attacker.http.cookies.set("tf_session", planted, domain="127.0.0.1")
        assert (await attacker.get("/api/v1/me")).status_code == 401


async def test_a_cursor_that_was_touched_is_refused(ada: Browser) -> None:
    for number in range(3):
        await ada.make_account(f"Account {number}")
    cursor: str = (await ada.get(f"{ACCOUNTS}?limit=1")).json()["next_cursor"]
    assert (await ada.get(f"{ACCOUNTS}?limit=1&cursor={cursor}")).status_code == 200
    touched = [
        cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :] for place in range(len(cursor))
    ]
    for wrong in (*touched, cursor[:-1], cursor + "A", cursor + "=", "", "nonsense", "a" * 500, "%", "é"):
        answer = await ada.get(ACCOUNTS, params={"limit": 1, "cursor": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_cursor"), wrong


async def test_a_cursor_of_one_list_is_unknown_to_another(ada: Browser) -> None:
    account = await ada.make_account("One")
    await ada.make_account("Two")
    cursor = (await ada.get(f"{ACCOUNTS}?limit=1")).json()["next_cursor"]
    for path in ("orders", "fills", "decisions", "configs"):
        assert (await ada.get(f"{ACCOUNTS}/{account}/{path}?cursor={cursor}")).status_code == 400


async def test_somebody_elses_cursor_shows_only_ones_own(ada: Browser, bob: Browser) -> None:
    await bob.make_account("His")
    for number in range(3):
        await ada.make_account(f"Account {number}")
    cursor = (await ada.get(f"{ACCOUNTS}?limit=1")).json()["next_cursor"]
    items = (await bob.get(f"{ACCOUNTS}?cursor={cursor}")).json()["items"]
    assert [entry["name"] for entry in items] == ["His"]


@pytest.mark.parametrize("limit", ["0", "-1", "501", "99999999999999999999", "1.5", "many", ""])
async def test_a_page_has_a_size_within_bounds(ada: Browser, limit: str) -> None:
    answer = await ada.get(f"{ACCOUNTS}?limit={limit}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "?limit"


@pytest.mark.parametrize(
    "path",
    [
        f"{ACCOUNTS}/%00",
        f"{ACCOUNTS}?cursor=%00",
        f"{ACCOUNTS}/acc_%ff%fe",
        f"{ACCOUNTS}/'; DROP TABLE users; --",
        f"{ACCOUNTS}/{'a' * 4000}",
        f"{ACCOUNTS}/acc_x/fills?symbol='%20OR%201=1",
        "/api/v1/admin/audit?before=9999999999999999999999",
        "/api/v1/strategies/..%2f..%2fetc",
    ],
)
async def test_a_strange_address_is_refused_and_breaks_nothing(ada: Browser, path: str) -> None:
    answer = await ada.get(path)
    assert answer.status_code in {400, 403, 404}, answer.text
    assert (await ada.get("/ready")).status_code == 200


async def test_a_garbled_request_line_is_refused(site: Site) -> None:
    host, _, port = site.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        await asyncio.to_thread(connection.sendall, b"\x00\x01\x02 nonsense\r\n\r\n")
        answer = await asyncio.to_thread(connection.recv, 1000)
    assert answer.startswith(b"HTTP/1.1 400")
    assert (await site.browser().get("/health")).status_code == 200


async def test_numbers_out_of_any_range_are_refused(ada: Browser) -> None:
    account = await ada.make_account()
    for number in ("1e400", "-1", "NaN", "Infinity", "9" * 400, "0x10", ""):
        params = {**NAIVE["params"], "dip_pct": number}
        answer = await ada.put(f"{ACCOUNTS}/{account}/config", json={**NAIVE, "params": params})
        assert answer.status_code == 400, number
    wrong: list[Any] = [10**30, 1.5, True, None, {}, []]
    for huge in wrong:
        answer = await ada.put(
            f"{ACCOUNTS}/{account}/config", json={**NAIVE, "params": {**NAIVE["params"], "rounds": huge}}
        )
        assert answer.status_code == 400, huge
