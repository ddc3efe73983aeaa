"""Guessing passwords: stopped, said when to come back, and no harm to those who are guessed at."""

from httpx2 import Response

from tests.integration.api.site import PASSWORD, Browser, serve

LOGIN = "/api/v1/auth/login"


async def test_a_machine_that_guesses_is_stopped_and_told_when_to_come_back(database_url: str) -> None:
    async with serve(database_url) as site:
        ada = await site.sign_in("ada@example.com")
        machine = site.browser()
        statuses = [(await guess(machine, "ada@example.com", number)).status_code for number in range(12)]
        assert statuses[:5] == [401] * 5
        assert set(statuses[5:]) == {429}
        refused = await guess(machine, "ada@example.com", 99)
        assert refused.json()["code"] == "too_many"
        assert int(refused.headers["retry-after"]) > 0
        right = await machine.post(LOGIN, json={"email": "ada@example.com", "password": PASSWORD})
        assert right.status_code == 429, "the right password tells a guesser nothing"
        assert (await ada.get("/api/v1/me")).status_code == 200, "who is signed in stays signed in"


async def test_one_password_tried_on_many_names_is_stopped_too(database_url: str) -> None:
    async with serve(database_url) as site:
        machine = site.browser()
        statuses = [(await guess(machine, f"user{number}@example.com", 1)).status_code for number in range(30)]
        assert statuses[:20] == [401] * 20
        assert 429 in statuses[20:]


async def test_a_person_who_knows_the_password_is_never_counted(database_url: str) -> None:
    async with serve(database_url) as site:
        await site.add_user("ada@example.com")
        for _ in range(12):
            await site.browser("ada@example.com").sign_in()


async def test_registering_in_bulk_is_stopped(database_url: str) -> None:
    async with serve(database_url) as site:
        machine = site.browser()
        statuses = [
            (
                await machine.post("/api/v1/auth/register", json={"email": f"u{n}@example.com", "password": PASSWORD})
            ).status_code
            for n in range(14)
        ]
        assert statuses[:10] == [201] * 10
        assert set(statuses[10:]) == {429}


async def test_the_current_password_cannot_be_guessed_from_a_stolen_session(database_url: str) -> None:
    async with serve(database_url) as site:
        ada = await site.sign_in("ada@example.com")
        statuses = [
            (await ada.post("/api/v1/me/password", json={"current": f"guess {n}", "new": PASSWORD})).status_code
            for n in range(7)
        ]
        assert statuses == [401] * 5 + [429] * 2


async def guess(machine: Browser, email: str, number: int) -> Response:
    return await machine.post(LOGIN, json={"email": email, "password": f"guess number {number}"})
