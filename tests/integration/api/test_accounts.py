"""Accounts: made, changed, put away, and told what to do."""

import asyncio

import psycopg
import pytest

from api.accounts.commands import COMMANDS, Command, Wish, allowed
from tests.integration.api.site import NAIVE, Browser, Site


async def test_an_account_is_made_and_found_where_location_says(ada: Browser) -> None:
    made = await ada.post("/api/v1/accounts", json={"name": "First", "venue": "paper", "time_zone": "Europe/Berlin"})
    assert made.status_code == 201
    found = await ada.get(made.headers["location"])
    assert found.json() == made.json()
    assert found.json() | {"id": "", "created_at": ""} == {
        "id": "",
        "name": "First",
        "venue": "paper",
        "mode": "paper",
        "isolation": "dedicated",
        "crash_contract": "resume",
        "time_zone": "Europe/Berlin",
        "created_at": "",
        "archived_at": None,
        "desired_state": "stopped",
        "allowed": ["start", "stop"],
        "status": {"state": "stopped", "reason": "", "heartbeat_at": None, "stale": False},
        "key_last4": None,
        "strategy": None,
        "config_version": None,
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "x", "venue": "nowhere"}, "/venue"),
        ({"name": "x", "venue": "paper", "mode": "live"}, "/mode"),
        ({"name": "x", "venue": "paper", "mode": "dream"}, "/mode"),
        ({"name": "x", "venue": "paper", "time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"name": "", "venue": "paper"}, "/name"),
        ({"name": " padded ", "venue": "paper"}, "/name"),
        ({"venue": "paper"}, "/name"),
        ({"name": "x", "venue": "paper", "colour": "red"}, "/colour"),
        ({"name": 7, "venue": "paper"}, "/name"),
    ],
)
async def test_a_wrong_field_is_named(ada: Browser, body: dict[str, object], pointer: str) -> None:
    answer = await ada.post("/api/v1/accounts", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_name_is_used_once_by_each_user(ada: Browser, bob: Browser) -> None:
    await ada.make_account("Same")
    await bob.make_account("Same")
    again = await ada.post("/api/v1/accounts", json={"name": "Same", "venue": "paper"})
    assert (again.status_code, again.json()["code"]) == (409, "taken")


async def test_only_what_is_given_changes(ada: Browser) -> None:
    account = await ada.make_account("Old name")
    other = await ada.make_account("Other name")
    changed = (await ada.patch(f"/api/v1/accounts/{account}", json={"name": "New name"})).json()
    assert (changed["name"], changed["isolation"]) == ("New name", "dedicated")
    changed = (await ada.patch(f"/api/v1/accounts/{account}", json={"isolation": "shared"})).json()
    assert (changed["name"], changed["isolation"]) == ("New name", "shared")
    taken = await ada.patch(f"/api/v1/accounts/{other}", json={"name": "New name"})
    assert taken.status_code == 409


async def test_what_was_put_away_is_listed_apart_and_does_nothing(ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    assert (await ada.delete(f"/api/v1/accounts/{account}")).status_code == 204
    assert (await ada.get("/api/v1/accounts")).json()["items"] == []
    listed = (await ada.get("/api/v1/accounts?archived=true")).json()["items"]
    assert [entry["id"] for entry in listed] == [account]
    refused = await ada.post(f"/api/v1/accounts/{account}/start")
    assert (refused.status_code, refused.json()["state"]) == (409, "archived")


async def test_a_running_account_is_not_put_away(ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    await ada.post(f"/api/v1/accounts/{account}/start")
    refused = await ada.delete(f"/api/v1/accounts/{account}")
    assert (refused.status_code, refused.json()["allowed"]) == (409, ["stop"])


async def test_starting_wakes_the_fleet_once_it_is_committed(site: Site, ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    url = site.database_url.replace("+psycopg", "").replace("timescaledb", "postgresql")
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as listener:
        await listener.execute("LISTEN fleet")
        answer = await ada.post(f"/api/v1/accounts/{account}/start")
        assert (answer.status_code, answer.json()["desired_state"]) == (202, "running")
        async with asyncio.timeout(5):
            async for heard in listener.notifies():
                assert heard.payload == account
                break


async def test_what_is_missing_for_a_start_is_said(ada: Browser) -> None:
    account = await ada.make_account()
    start = f"/api/v1/accounts/{account}/start"
    assert (await ada.post(start)).json()["state"] == "no_credentials"
    keys = {"key": "exchange-key-0001", "secret": "exchange-secret-0001"}
    await ada.put(f"/api/v1/accounts/{account}/credentials", json=keys)
    assert (await ada.post(start)).json()["state"] == "no_strategy"
    await ada.put(f"/api/v1/accounts/{account}/config", json=NAIVE)
    assert (await ada.post(start)).status_code == 202


@pytest.mark.slow
async def test_every_command_in_every_state_does_what_the_table_says(site: Site, ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    for wish in Wish:
        for command in Command:
            async with site.fleet.transaction() as tx:
                await tx.exec_driver_sql(f"UPDATE accounts SET desired_state = '{wish}'")
            answer = await ada.post(f"/api/v1/accounts/{account}/{command}")
            becomes = COMMANDS.get((wish, command))
            if becomes is None:
                assert answer.status_code == 409, (wish, command)
                assert (answer.json()["state"], answer.json()["allowed"]) == (wish, allowed(wish))
            else:
                assert answer.json()["desired_state"] == becomes, (wish, command)


async def test_of_two_who_start_it_together_none_is_lied_to(ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    answers = await asyncio.gather(*(ada.post(f"/api/v1/accounts/{account}/start") for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [202, 409, 409, 409, 409]


async def test_a_state_that_nobody_vouches_for_is_shown_as_stale(site: Site, ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    await ada.post(f"/api/v1/accounts/{account}/start")
    row = "INSERT INTO account_runtime (account_id, user_id, state, heartbeat_at) SELECT id, user_id, 'running', now()"
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql(f"{row} FROM accounts")
    status = (await ada.get(f"/api/v1/accounts/{account}")).json()["status"]
    assert (status["state"], status["stale"]) == ("running", False)
    async with site.fleet.transaction() as tx:
        await tx.exec_driver_sql("UPDATE account_runtime SET heartbeat_at = now() - interval '1 hour'")
    assert (await ada.get(f"/api/v1/accounts/{account}")).json()["status"]["stale"] is True


async def test_accounts_come_in_pages_that_miss_none_and_repeat_none(ada: Browser) -> None:
    made = [await ada.make_account(f"Account {number}") for number in range(7)]
    seen: list[str] = []
    cursor = ""
    while True:
        page = (await ada.get(f"/api/v1/accounts?limit=3{cursor}")).json()
        seen += [entry["id"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == made[::-1]
