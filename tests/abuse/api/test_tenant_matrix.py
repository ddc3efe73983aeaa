"""Every route by everybody who may come. Routes are read from the OpenAPI schema: a new one fails until it is here."""

from collections.abc import Mapping
from typing import Any

import httpx2
import msgspec
import pytest

from api.identity.principal import Scope
from storage.accounts import Reach, find_account
from storage.reads import list_fills, list_orders
from tests.abuse.api.conftest import _numbers
from tests.integration.api.site import NAIVE, PASSWORD, Browser, Site
from trading.ids import AccountId, UserId

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

ACTORS = ("anonymous", "other", "read_token", "support", "owner", "admin")
"""In this order: what the owner or the admin does may change what the next one finds."""
WHY = {"reason": "because of the test"}
HALT = {"state": "halted", "reason": "because of the test"}
KEYS = {"key": "a-key-that-ends-in-9876", "secret": "a-secret-nobody-sees"}


class Case(msgspec.Struct, frozen=True):
    """What each actor is answered, in the order of ACTORS."""

    expected: tuple[int, int, int, int, int, int]
    body: Any = None
    before: tuple[str, ...] = ()
    """Commands that bring the owner's account into the state that this needs."""


def anybody(status: int, body: Any = None) -> Case:
    return Case((status,) * 6, body)


OWN_READ = Case((401, 404, 200, 404, 200, 404))
MY_LIST = Case((401, 200, 200, 200, 200, 200))
BROWSER_LIST = Case((401, 200, 403, 200, 200, 200))
STAFF_READ = Case((401, 403, 403, 200, 403, 200))


def own_write(status: int, body: Any = None, before: tuple[str, ...] = ()) -> Case:
    return Case((401, 404, 403, 404, status, 404), body, before)


def admin_act(status: int, before: tuple[str, ...] = ()) -> Case:
    return Case((401, 403, 403, 403, 403, status), WHY, before)


def browser_write(status: int, body: Any = None) -> Case:
    """On oneself: anybody who is signed in with a browser."""
    return Case((401, status, 403, status, status, status), body)


CASES: Mapping[str, Case] = {
    "register": Case((201,) * 6, {"email": "new{n}@example.com", "password": PASSWORD}),
    "logIn": Case((401,) * 6, {"email": "nobody{n}@example.com", "password": "wrong password"}),
    "logOut": browser_write(204),
    "grantTokens": Case((401,) * 6, {"email": "nobody{n}@example.com", "password": "wrong password"}),
    "refreshTokens": Case((401,) * 6, {"refresh_token": "tf_refresh_nothing"}),
    "getSecondFactor": BROWSER_LIST,
    "proposeSecondFactor": browser_write(201, {"password": PASSWORD}),
    "confirmSecondFactor": browser_write(409, {"code": "123456"}),
    "showSecondFactor": browser_write(409, {"code": "123456"}),
    "removeSecondFactor": browser_write(409, {"code": "123456"}),
    "getMe": MY_LIST,
    "changePassword": browser_write(204, {"current": PASSWORD, "new": PASSWORD}),
    "listSessions": BROWSER_LIST,
    "revokeSession": Case((401, 404, 403, 404, 204, 404)),
    "listTokens": BROWSER_LIST,
    "createToken": browser_write(201, {"name": "mine"}),
    "revokeToken": Case((401, 404, 403, 404, 204, 404)),
    "listAccounts": MY_LIST,
    "createAccount": Case((401, 201, 403, 201, 201, 201), {"name": "Account {n}", "venue": "paper"}),
    "getAccount": OWN_READ,
    "changeAccount": own_write(200, {"name": "Renamed {n}"}),
    "archiveAccount": own_write(204),
    "startAccount": own_write(202),
    "pauseAccount": own_write(202, before=("start",)),
    "resumeAccount": own_write(202, before=("start", "pause")),
    "stopAccount": own_write(202, before=("start",)),
    "giveCommand": own_write(202, {"name": "panic_sell"}, before=("start",)),
    "getControls": MY_LIST,
    "setControls": Case((401, 200, 403, 200, 200, 200), HALT),
    "getAccountControls": OWN_READ,
    "setAccountControls": own_write(200, HALT),
    "getCredentials": OWN_READ,
    "putCredentials": own_write(200, KEYS),
    "deleteCredentials": own_write(204),
    "getConfig": OWN_READ,
    "putConfig": own_write(200, NAIVE),
    "listConfigs": OWN_READ,
    "listOrders": OWN_READ,
    "listFills": OWN_READ,
    "exportFills": OWN_READ,
    "listDecisions": OWN_READ,
    "getBalances": OWN_READ,
    "getPortfolio": MY_LIST,
    "getWorth": OWN_READ,
    "getEquity": OWN_READ,
    "listPositions": OWN_READ,
    "streamEvents": MY_LIST,
    "listStrategies": MY_LIST,
    "getStrategy": MY_LIST,
    "adminListAccounts": STAFF_READ,
    "adminGetAccount": STAFF_READ,
    "adminStartAccount": admin_act(202),
    "adminPauseAccount": admin_act(202, ("start",)),
    "adminResumeAccount": admin_act(202, ("start", "pause")),
    "adminStopAccount": admin_act(202, ("start",)),
    "adminSetPlatformControl": Case((401, 403, 403, 403, 403, 200), {"state": "active", "reason": "all is well"}),
    "adminSetUserControl": Case((401, 403, 403, 403, 403, 200), HALT),
    "adminSetAccountControl": Case((401, 403, 403, 403, 403, 200), HALT),
    "adminListUsers": STAFF_READ,
    "adminDisableUser": admin_act(200),
    "adminEnableUser": admin_act(200),
    "adminListAudit": STAFF_READ,
    "adminVerifyAudit": STAFF_READ,
    "metrics": STAFF_READ,
    "meta": anybody(200),
    "health": anybody(200),
    "ready": anybody(200),
}


class World(msgspec.Struct):
    actors: dict[str, Browser]
    names: dict[str, str]
    """Of path parameters: the owner's things."""
    canaries: tuple[str, ...]
    """Nobody but the owner, and staff on staff's routes, may see these."""


async def build(site: Site, case: Case) -> World:
    number = next(_numbers)
    owner = await site.sign_in(f"owner{number}@example.com")
    account = await owner.make_account(f"Canary {number}", ready=True)
    for command in case.before:
        assert (await owner.post(f"/api/v1/accounts/{account}/{command}")).status_code == 202
    await site.browser(owner.email).sign_in()
    sessions = (await owner.get("/api/v1/sessions")).json()
    spare = next(session["id"] for session in sessions if not session["current"])
    token = (await owner.post("/api/v1/tokens", json={"name": "spare", "scopes": list(Scope)[:4]})).json()["token"][
        "id"
    ]
    read_token = (await owner.post("/api/v1/tokens", json={"name": "read"})).json()["secret"]
    actors = {
        "anonymous": site.browser(),
        "other": await site.sign_in(f"other{number}@example.com"),
        "read_token": site.browser(Authorization=f"Bearer {read_token}"),
        "support": await site.sign_in(f"support{number}@example.com", "support"),
        "admin": await site.sign_in(f"admin{number}@example.com", "admin"),
        "owner": owner,
    }
    names = {"account_id": account, "session_id": spare, "token_id": token, "name": "naive", "user_id": owner.user_id}
    return World(actors, names, (account, spare, token, owner.user_id, f"Canary {number}", owner.email))


def filled(body: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(body).replace(b"{n}", str(next(_numbers)).encode()))


async def ask(browser: Browser, verb: str, path: str, body: Any) -> Any:
    if path == "/api/v1/events":
        return await first_of_stream(browser, path)
    return await browser.http.request(verb.upper(), path, **({} if body is None else {"json": filled(body)}))


async def first_of_stream(browser: Browser, path: str) -> Any:
    """A stream does not end by itself."""
    async with browser.http.stream("GET", path) as answer:
        text = (await answer.aread()).decode() if answer.is_error else await anext(answer.aiter_text())
    return httpx2.Response(answer.status_code, headers=answer.headers, text=text)


def is_staff_route(path: str) -> bool:
    return path.startswith("/api/v1/admin") or path == "/metrics"


async def operations(site: Site) -> dict[str, tuple[str, str]]:
    schema = (await site.browser().get("/api/openapi.json")).json()
    return {
        operation["operationId"]: (verb, path)
        for path, item in schema["paths"].items()
        for verb, operation in item.items()
    }


async def test_every_route_is_in_the_matrix(site: Site) -> None:
    assert set(await operations(site)) == set(CASES)


@pytest.mark.parametrize("operation", CASES)
async def test_each_is_answered_what_they_may_have(site: Site, operation: str) -> None:
    verb, path = (await operations(site))[operation]
    case = CASES[operation]
    world = await build(site, case)
    for actor, expected in zip(ACTORS, case.expected, strict=True):
        answer = await ask(world.actors[actor], verb, path.format(**world.names), case.body)
        assert answer.status_code == expected, (actor, answer.text)
        if actor in {"owner", "read_token"} or (actor in {"support", "admin"} and is_staff_route(path)):
            continue
        leaked = [canary for canary in world.canaries if canary in answer.text]
        assert not leaked, (actor, leaked)
        if expected == 404:
            nothing = {name: f"{value[:4]}{'0' * 22}" for name, value in world.names.items()}
            never = await ask(world.actors[actor], verb, path.format(**nothing), case.body)
            assert {**answer.json(), "request_id": ""} == {**never.json(), "request_id": ""}
            assert set(answer.headers) == set(never.headers)


async def test_without_the_repositorys_own_condition_row_level_security_still_hides_everything(
    site: Site, ada: Browser, bob: Browser
) -> None:
    account = AccountId(await ada.make_account(ready=True))
    nobody_in_particular = Reach(user=None)
    async with site.database.transaction(user=UserId(ada.user_id)) as tx:
        hers = await find_account(tx, account, nobody_in_particular)
    assert hers is not None
    async with site.database.transaction(user=UserId(bob.user_id)) as tx:
        assert await find_account(tx, account, nobody_in_particular) is None
        assert await list_orders(tx, hers, None, 10) == []
        assert await list_fills(tx, hers, None, 10) == []
    async with site.database.transaction() as tx:
        assert await find_account(tx, account, nobody_in_particular) is None


async def test_without_row_level_security_the_repositorys_condition_still_hides_everything(
    site: Site, ada: Browser, bob: Browser
) -> None:
    account = AccountId(await ada.make_account())
    async with site.fleet.transaction() as tx:
        assert await find_account(tx, account, Reach(user=UserId(bob.user_id))) is None
        assert await find_account(tx, account, Reach(user=UserId(ada.user_id))) is not None


async def test_bob_cannot_write_what_is_adas_even_by_sql(site: Site, ada: Browser, bob: Browser) -> None:
    account = await ada.make_account("Hers")
    async with site.database.transaction(user=UserId(bob.user_id)) as tx:
        changed = await tx.exec_driver_sql(f"UPDATE accounts SET name = 'his' WHERE id = '{account}'")
        assert changed.rowcount == 0
    with pytest.raises(Exception, match="row-level security"):
        async with site.database.transaction(user=UserId(bob.user_id)) as tx:
            await tx.exec_driver_sql(
                f"INSERT INTO strategy_configs (id, account_id, user_id, version, strategy, params) "
                f"VALUES ('cfg_x', '{account}', '{bob.user_id}', 1, 'naive', '{{}}')"
            )
