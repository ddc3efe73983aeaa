"""The second factor: asked for once it is on, good once, and wanted for real money."""

import asyncio
import base64
import time

import pytest

from security.otp import STEP_S, code_at
from tests.integration.api.site import PASSWORD, Browser, Site

PATH = "/api/v1/me/second-factor"
LOGIN = "/api/v1/auth/login"


class Authenticator:
    """An app on a phone whose owner looks at the next code each time, so that none is shown twice."""

    def __init__(self, secret: str) -> None:
        self._secret = base64.b32decode(secret)
        self._step = int(time.time()) // STEP_S - 1

    def code(self) -> str:
        now = int(time.time()) // STEP_S
        self._step = max(self._step, now - 2) + 1
        assert self._step <= now + 1, "this test shows too many codes"
        return code_at(self._secret, self._step)

    def old_code(self) -> str:
        return code_at(self._secret, int(time.time()) // STEP_S - 5)


async def turn_on(browser: Browser) -> tuple[Authenticator, list[str]]:
    proposed = await browser.post(PATH, json={"password": PASSWORD})
    assert proposed.status_code == 201, proposed.text
    app = Authenticator(proposed.json()["secret"])
    confirmed = await browser.post(f"{PATH}/confirm", json={"code": app.code()})
    assert confirmed.status_code == 200, confirmed.text
    codes: list[str] = confirmed.json()["codes"]
    return app, codes


async def log_in(site: Site, **extra: str) -> tuple[int, str]:
    answer = await site.browser().post(LOGIN, json={"email": "ada@example.com", "password": PASSWORD, **extra})
    return answer.status_code, answer.json().get("code", "")


async def test_it_guards_nothing_until_it_is_confirmed(site: Site, ada: Browser) -> None:
    await ada.post(PATH, json={"password": PASSWORD})
    assert (await ada.get(PATH)).json()["on"] is False
    assert (await log_in(site))[0] == 200
    wrong = await ada.post(f"{PATH}/confirm", json={"code": "000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")


async def test_once_on_a_password_alone_lets_nobody_in(site: Site, ada: Browser) -> None:
    app, codes = await turn_on(ada)
    assert len(codes) == 10
    assert await log_in(site) == (401, "second_factor_needed")
    assert await log_in(site, code=app.old_code()) == (401, "wrong_code")
    assert (await log_in(site, code=app.code()))[0] == 200


async def test_a_code_is_good_once_even_for_two_at_the_same_moment(site: Site, ada: Browser) -> None:
    app, _ = await turn_on(ada)
    code = app.code()
    statuses = sorted(status for status, _ in await asyncio.gather(*(log_in(site, code=code) for _ in range(4))))
    assert statuses == [200, 401, 401, 401]


async def test_a_recovery_code_lets_in_once(site: Site, ada: Browser) -> None:
    _, codes = await turn_on(ada)
    typed = codes[0].upper().replace("-", " ")
    assert (await log_in(site, code=typed))[0] == 200
    assert await log_in(site, code=codes[0]) == (401, "wrong_code")
    assert (await ada.get(PATH)).json()["recovery_codes_left"] == 9


async def test_codes_are_not_guessed(ada: Browser) -> None:
    await turn_on(ada)
    statuses = [(await ada.post(f"{PATH}/show", json={"code": f"{n:06}"})).status_code for n in range(8)]
    assert set(statuses[:4]) == {401}
    assert statuses[-1] == 429


async def test_it_is_proposed_only_to_who_knows_the_password_and_not_over_another(ada: Browser) -> None:
    assert (await ada.post(PATH, json={"password": "not it at all"})).status_code == 401
    await turn_on(ada)
    again = await ada.post(PATH, json={"password": PASSWORD})
    assert (again.status_code, again.json()["state"]) == (409, "on")


async def test_it_is_removed_by_who_has_it(site: Site, ada: Browser) -> None:
    app, _ = await turn_on(ada)
    assert (await ada.post(f"{PATH}/remove", json={"code": app.old_code()})).status_code == 401
    assert (await ada.post(f"{PATH}/remove", json={"code": app.code()})).status_code == 204
    assert (await log_in(site))[0] == 200


async def test_its_secret_is_sealed_in_the_database(site: Site, ada: Browser) -> None:
    secret = (await ada.post(PATH, json={"password": PASSWORD})).json()["secret"]
    async with site.owner.transaction() as tx:
        stored = (await tx.exec_driver_sql("SELECT t::text FROM second_factors t")).scalar_one()
    assert secret not in stored
    assert base64.b32decode(secret).hex() not in stored


async def test_staff_sees_none_of_it(site: Site, ada: Browser) -> None:
    await turn_on(ada)
    async with site.database.transaction(admin=True) as tx:
        assert (await tx.exec_driver_sql("SELECT count(*) FROM second_factors")).scalar_one() == 0
        assert (await tx.exec_driver_sql("SELECT count(*) FROM recovery_codes")).scalar_one() == 0


@pytest.fixture
async def live_account(site: Site, ada: Browser) -> str:
    account = await ada.make_account("Real money", ready=True)
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql("UPDATE accounts SET mode = 'live'")
    return account


async def test_real_money_wants_the_second_factor_and_the_name(site: Site, ada: Browser, live_account: str) -> None:
    start = f"/api/v1/accounts/{live_account}/start"
    wish = {"confirm": "Real money"}
    refused = await ada.post(start, json=wish)
    assert (refused.status_code, refused.json()["code"]) == (401, "second_factor_needed")
    await turn_on(ada)
    unsaid = await ada.post(start)
    assert (unsaid.status_code, unsaid.json()["errors"][0]["pointer"]) == (400, "/confirm")
    assert (await ada.post(start, json={"confirm": "real money"})).status_code == 400
    assert (await ada.post(start, json=wish)).status_code == 202


async def test_a_second_factor_shown_long_ago_is_asked_for_again(site: Site, ada: Browser, live_account: str) -> None:
    app, _ = await turn_on(ada)
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql("UPDATE sessions SET second_factor_at = now() - interval '16 minutes'")
    start, wish = f"/api/v1/accounts/{live_account}/start", {"confirm": "Real money"}
    assert (await ada.post(start, json=wish)).json()["code"] == "second_factor_needed"
    assert (await ada.post(f"{PATH}/show", json={"code": app.code()})).status_code == 204
    assert (await ada.post(start, json=wish)).status_code == 202


async def test_a_token_that_trades_real_money_is_made_by_who_showed_it(ada: Browser) -> None:
    wish = {"name": "x", "live": True, "scopes": ["read", "trading:write"]}
    assert (await ada.post("/api/v1/tokens", json=wish)).json()["code"] == "second_factor_needed"
    assert (await ada.post("/api/v1/tokens", json={**wish, "scopes": ["read"]})).status_code == 201
    await turn_on(ada)
    assert (await ada.post("/api/v1/tokens", json=wish)).status_code == 201
