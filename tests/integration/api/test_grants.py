"""Programs that log in: short-lived access, renewed by a token that works once."""

import asyncio

from tests.integration.api.site import PASSWORD, Browser, Site

GRANT, REFRESH, ME = "/api/v1/auth/tokens", "/api/v1/auth/refresh", "/api/v1/me"


async def grant(site: Site) -> dict[str, str]:
    answer = await site.browser().post(GRANT, json={"email": "ada@example.com", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


async def refresh(site: Site, token: str) -> tuple[int, dict[str, str]]:
    answer = await site.browser().post(REFRESH, json={"refresh_token": token})
    return answer.status_code, answer.json()


async def status(site: Site, access: str) -> int:
    return (await site.browser(Authorization=f"Bearer {access}").get(ME)).status_code


async def test_a_program_does_what_its_user_may_without_csrf(site: Site, ada: Browser) -> None:
    program = site.browser(Authorization=f"Bearer {(await grant(site))['access_token']}")
    made = await program.post("/api/v1/accounts", json={"name": "x", "venue": "paper"})
    assert made.status_code == 201
    assert (await program.get(ME)).json()["csrf_token"] is None


async def test_a_refresh_token_is_traded_for_new_ones(site: Site, ada: Browser) -> None:
    first = await grant(site)
    code, second = await refresh(site, first["refresh_token"])
    assert code == 200
    assert second["refresh_token"] != first["refresh_token"]
    assert await status(site, second["access_token"]) == 200


async def test_one_that_comes_back_ends_the_whole_family_and_no_other(site: Site, ada: Browser) -> None:
    first, other = await grant(site), await grant(site)
    _, second = await refresh(site, first["refresh_token"])
    assert (await refresh(site, first["refresh_token"]))[0] == 401
    assert (await refresh(site, second["refresh_token"]))[0] == 401
    assert await status(site, first["access_token"]) == 401
    assert await status(site, second["access_token"]) == 401
    assert await status(site, other["access_token"]) == 200
    assert (await ada.get(ME)).status_code == 200


async def test_of_several_who_use_it_at_once_none_keeps_it(site: Site, ada: Browser) -> None:
    first = await grant(site)
    answers = await asyncio.gather(*(refresh(site, first["refresh_token"]) for _ in range(4)))
    assert [code for code, _ in answers].count(200) <= 1
    assert all([await status(site, tokens["access_token"]) == 401 for code, tokens in answers if code == 200])


async def test_neither_token_does_the_others_work(site: Site, ada: Browser) -> None:
    tokens = await grant(site)
    assert await status(site, tokens["refresh_token"]) == 401
    assert (await refresh(site, tokens["access_token"]))[0] == 401
    thief = site.browser()
    thief.http.cookies.set("tf_session", tokens["access_token"], domain="127.0.0.1")
    assert (await thief.get(ME)).status_code == 401
    assert await status(site, ada.http.cookies["tf_session"]) == 401


async def test_logging_out_ends_the_family(site: Site, ada: Browser) -> None:
    tokens = await grant(site)
    program = site.browser(Authorization=f"Bearer {tokens['access_token']}")
    assert (await program.post("/api/v1/auth/logout")).status_code == 204
    assert await status(site, tokens["access_token"]) == 401
    assert (await refresh(site, tokens["refresh_token"]))[0] == 401


async def test_access_is_over_after_its_time(site: Site, ada: Browser) -> None:
    tokens = await grant(site)
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql("UPDATE sessions SET expires_at = now() WHERE kind = 'access'")
    assert await status(site, tokens["access_token"]) == 401
    assert (await refresh(site, tokens["refresh_token"]))[0] == 200


async def test_a_disabled_user_renews_nothing(site: Site, ada: Browser, admin: Browser) -> None:
    tokens = await grant(site)
    await admin.post(f"/api/v1/admin/users/{ada.user_id}/disable", json={"reason": "asked for it"})
    assert await status(site, tokens["access_token"]) == 401
    assert (await refresh(site, tokens["refresh_token"]))[0] == 401


async def test_a_program_is_not_listed_among_the_browsers(site: Site, ada: Browser) -> None:
    await grant(site)
    assert len((await ada.get("/api/v1/sessions")).json()) == 1
