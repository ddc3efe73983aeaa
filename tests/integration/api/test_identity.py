"""Signing up, in and out, as a browser and as a program see it."""

import asyncio

import msgspec

from api.identity.service import make_sign_in_link
from tests.integration.api.site import PASSWORD, SETTINGS, Browser, Site, serve

LOGIN = "/api/v1/auth/login"


async def test_a_user_registers_logs_in_and_is_known(site: Site) -> None:
    browser = site.browser("eve@example.com")
    answer = await browser.post("/api/v1/auth/register", json={"email": "Eve@Example.com", "password": PASSWORD})
    assert answer.status_code == 201
    assert answer.headers["location"] == "/api/v1/me"
    await browser.sign_in()
    me = (await browser.get("/api/v1/me")).json()
    assert (me["email"], me["role"]) == ("eve@example.com", "user")


async def test_an_email_is_registered_once_however_it_is_spelt(site: Site) -> None:
    browser = site.browser()
    first = await browser.post("/api/v1/auth/register", json={"email": "eve@example.com", "password": PASSWORD})
    again = await browser.post("/api/v1/auth/register", json={"email": "EVE@example.com", "password": PASSWORD})
    assert first.status_code == 201
    assert (again.status_code, again.json()["code"]) == (409, "taken")


async def test_registration_can_be_closed(database_url: str) -> None:
    async with serve(database_url, msgspec.structs.replace(SETTINGS, registration_open=False)) as site:
        answer = await site.browser().post("/api/v1/auth/register", json={"email": "e@x.y", "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (403, "registration_closed")
        assert (await site.browser().get("/api/v1/meta")).json()["registration_open"] is False


async def test_a_short_password_is_refused_at_its_field(site: Site) -> None:
    answer = await site.browser().post("/api/v1/auth/register", json={"email": "e@x.y", "password": "short"})
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/password"]


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_sites(site: Site) -> None:
    await site.add_user("ada@example.com")
    answer = await site.browser().post(LOGIN, json={"email": "ada@example.com", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie


async def test_over_https_the_cookie_is_bound_to_its_host(database_url: str) -> None:
    async with serve(database_url, msgspec.structs.replace(SETTINGS, secure_cookies=True)) as site:
        await site.add_user("ada@example.com")
        answer = await site.browser().post(LOGIN, json={"email": "ada@example.com", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-tf_session=")
        assert "secure" in cookie.lower()
        assert answer.headers["strict-transport-security"]


async def test_wrong_password_and_unknown_user_are_the_same_answer(site: Site) -> None:
    await site.add_user("ada@example.com")
    wrong = await site.browser().post(LOGIN, json={"email": "ada@example.com", "password": "wrong password"})
    unknown = await site.browser().post(LOGIN, json={"email": "who@example.com", "password": "wrong password"})
    assert wrong.status_code == unknown.status_code == 401
    assert {**wrong.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}


async def test_logging_out_ends_the_session_at_once_for_every_copy_of_the_cookie(site: Site, ada: Browser) -> None:
    thief = site.browser()
    thief.http.cookies = ada.http.cookies
    assert (await thief.get("/api/v1/me")).status_code == 200
    assert (await ada.post("/api/v1/auth/logout")).status_code == 204
    assert (await thief.get("/api/v1/me")).status_code == 401


async def test_a_new_password_ends_every_other_session_and_every_token(site: Site, ada: Browser) -> None:
    elsewhere = await site.browser("ada@example.com").sign_in()
    token = (await ada.post("/api/v1/tokens", json={"name": "script"})).json()["secret"]
    program = site.browser(Authorization=f"Bearer {token}")
    changed = await ada.post("/api/v1/me/password", json={"current": PASSWORD, "new": "another long password"})
    assert changed.status_code == 204
    assert (await ada.get("/api/v1/me")).status_code == 200
    assert (await elsewhere.get("/api/v1/me")).status_code == 401
    assert (await program.get("/api/v1/me")).status_code == 401
    await site.browser("ada@example.com").sign_in("another long password")


async def test_a_new_password_needs_the_current_one(ada: Browser) -> None:
    answer = await ada.post("/api/v1/me/password", json={"current": "not it at all", "new": "another long password"})
    assert answer.status_code == 401


async def test_sessions_are_listed_and_one_can_be_ended(site: Site, ada: Browser) -> None:
    elsewhere = await site.browser("ada@example.com").sign_in()
    sessions = (await ada.get("/api/v1/sessions")).json()
    assert [session["current"] for session in sessions].count(True) == 1
    other = next(session["id"] for session in sessions if not session["current"])
    assert (await ada.delete(f"/api/v1/sessions/{other}")).status_code == 204
    assert (await elsewhere.get("/api/v1/me")).status_code == 401
    assert (await ada.delete(f"/api/v1/sessions/{other}")).status_code == 404


async def test_a_sign_in_link_works_once(site: Site) -> None:
    user = await site.add_user("ada@example.com")
    link = await make_sign_in_link(site.database, user)
    first, second = site.browser(), site.browser()
    answers = await asyncio.gather(first.get(link), second.get(link))
    assert sorted(answer.status_code for answer in answers) == [303, 404]
    winner = first if answers[0].status_code == 303 else second
    assert (await winner.get("/api/v1/me")).json()["id"] == user
    assert (await winner.get(link)).status_code == 404


async def test_a_sign_in_link_is_no_session_and_a_session_no_link(site: Site, ada: Browser) -> None:
    user = await site.add_user("eve@example.com")
    link = await make_sign_in_link(site.database, user)
    thief = site.browser()
    thief.http.cookies.set("tf_session", link.removeprefix("/enter/"))
    assert (await thief.get("/api/v1/me")).status_code == 401
    assert (await thief.get(f"/enter/{ada.http.cookies['tf_session']}")).status_code == 404


async def test_a_disabled_user_is_out_at_once_and_cannot_come_back(site: Site, ada: Browser, admin: Browser) -> None:
    shut = await admin.post(f"/api/v1/admin/users/{ada.user_id}/disable", json={"reason": "asked for it"})
    assert shut.status_code == 200
    assert (await ada.get("/api/v1/me")).status_code == 401
    again = await site.browser().post(LOGIN, json={"email": "ada@example.com", "password": PASSWORD})
    assert again.status_code == 401
    await admin.post(f"/api/v1/admin/users/{ada.user_id}/enable", json={"reason": "asked again"})
    await site.browser("ada@example.com").sign_in()
