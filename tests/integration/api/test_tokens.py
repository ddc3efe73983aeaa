"""Personal tokens: shown once, kept to their scopes, their account and their kind of money."""

from typing import Any

import pytest

from tests.integration.api.site import Browser, Site


async def token(browser: Browser, **wish: Any) -> str:
    answer = await browser.post("/api/v1/tokens", json={"name": "script", **wish})
    assert answer.status_code == 201, answer.text
    secret: str = answer.json()["secret"]
    return secret


def bearer(site: Site, secret: str) -> Browser:
    return site.browser(Authorization=f"Bearer {secret}")


async def test_a_token_reads_without_cookie_or_csrf(site: Site, ada: Browser) -> None:
    secret = await token(ada)
    assert secret.startswith("tf_paper_")
    me = await bearer(site, secret).get("/api/v1/me")
    assert me.json() == {
        "id": ada.user_id,
        "email": "ada@example.com",
        "role": "user",
        "csrf_token": None,
        "scopes": ["read"],
    }


async def test_a_secret_is_shown_once(ada: Browser) -> None:
    secret = await token(ada)
    listed = await ada.get("/api/v1/tokens")
    assert secret not in listed.text
    assert [entry["name"] for entry in listed.json()] == ["script"]


async def test_a_token_without_the_scope_is_told_which_one_it_lacks(site: Site, ada: Browser) -> None:
    program = bearer(site, await token(ada))
    answer = await program.post("/api/v1/accounts", json={"name": "x", "venue": "paper"})
    assert answer.status_code == 403
    assert "accounts:write" in answer.json()["detail"]


async def test_a_token_with_the_scope_may(site: Site, ada: Browser) -> None:
    program = bearer(site, await token(ada, scopes=["read", "accounts:write"]))
    assert (await program.post("/api/v1/accounts", json={"name": "x", "venue": "paper"})).status_code == 201


async def test_a_token_locked_to_an_account_knows_no_other(site: Site, ada: Browser) -> None:
    mine, other = await ada.make_account("Mine"), await ada.make_account("Other")
    program = bearer(site, await token(ada, account_id=mine, scopes=["read", "accounts:write"]))
    assert (await program.get(f"/api/v1/accounts/{mine}")).status_code == 200
    assert (await program.get(f"/api/v1/accounts/{other}")).status_code == 404
    assert [entry["id"] for entry in (await program.get("/api/v1/accounts")).json()["items"]] == [mine]
    assert (await program.post("/api/v1/accounts", json={"name": "x", "venue": "paper"})).status_code == 403


async def test_a_paper_token_never_reaches_real_money(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql("UPDATE accounts SET mode = 'live'")
    paper, live = bearer(site, await token(ada)), bearer(site, await token(ada, live=True))
    assert (await paper.get(f"/api/v1/accounts/{account}")).status_code == 404
    assert (await paper.get("/api/v1/accounts")).json()["items"] == []
    assert (await live.get(f"/api/v1/accounts/{account}")).status_code == 200


async def test_a_token_cannot_make_itself_another_one(site: Site, ada: Browser) -> None:
    program = bearer(site, await token(ada, scopes=["read", "accounts:write", "trading:write"]))
    answer = await program.post("/api/v1/tokens", json={"name": "more"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_only_staff_make_tokens_for_staff(ada: Browser, admin: Browser) -> None:
    wish = {"name": "x", "scopes": ["admin"]}
    assert (await ada.post("/api/v1/tokens", json=wish)).status_code == 400
    assert (await admin.post("/api/v1/tokens", json=wish)).status_code == 201


async def test_a_revoked_token_is_over_at_once(site: Site, ada: Browser) -> None:
    made = (await ada.post("/api/v1/tokens", json={"name": "script"})).json()
    program = bearer(site, made["secret"])
    assert (await program.get("/api/v1/me")).status_code == 200
    assert (await ada.delete(f"/api/v1/tokens/{made['token']['id']}")).status_code == 204
    answer = await program.get("/api/v1/me")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_token_past_its_end_is_over(site: Site, ada: Browser) -> None:
    program = bearer(site, await token(ada, expires_in_days=1))
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql("UPDATE api_tokens SET expires_at = now() - interval '1 second'")
    assert (await program.get("/api/v1/me")).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer nonsense", "Bearer tf_paper_nonsense", "Basic YTpi", ""])
async def test_a_header_that_names_nobody_is_not_taken_for_nobody(site: Site, ada: Browser, header: str) -> None:
    """Even beside a good cookie: whoever sends it meant to be somebody else."""
    assert (await ada.get("/api/v1/me", headers={"Authorization": header})).status_code == 401
