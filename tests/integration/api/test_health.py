"""Whether it lives, whether it can serve, what it offers, and what a request leaves in the log."""

import structlog
from structlog.testing import LogCapture

from api.identity.service import make_sign_in_link
from tests.integration.api.site import Browser, Site, serve


async def test_it_lives_and_can_serve(site: Site) -> None:
    assert (await site.browser().get("/health")).json() == {"status": "ok"}
    assert (await site.browser().get("/ready")).json() == {"status": "ok"}


async def test_without_its_database_it_lives_and_says_that_it_cannot_serve(database_url: str) -> None:
    async with serve(database_url.replace("@127.0.0.1:", "@127.0.0.1:1")) as site:
        assert (await site.browser().get("/health")).status_code == 200
        answer = await site.browser().get("/ready")
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.json()["retriable"] is True
        assert answer.headers["retry-after"]
        assert "password" not in answer.text


async def test_meta_says_what_is_offered(site: Site) -> None:
    meta = (await site.browser().get("/api/v1/meta")).json()
    assert meta["venues"] == [{"name": "paper", "modes": ["paper", "testnet"]}]


async def test_each_answer_carries_the_id_that_the_log_has(site: Site, ada: Browser) -> None:
    capture = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    try:
        answer = await ada.get("/api/v1/accounts/acc_none")
    finally:
        structlog.reset_defaults()
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    entry = next(entry for entry in capture.entries if entry["event"] == "request")
    assert entry["request_id"] == answer.headers["x-request-id"]
    assert (entry["method"], entry["status"], entry["user_id"]) == ("GET", 404, ada.user_id)
    assert entry["route"] == "/api/v1/accounts/{account_id}"


async def test_a_route_that_is_not_there_is_a_problem_too(site: Site) -> None:
    answer = await site.browser().get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    wrong = await site.browser().put("/health")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["allow"]


async def test_a_sign_in_links_secret_is_not_in_the_log(site: Site) -> None:
    link = await make_sign_in_link(site.database, await site.add_user("ada@example.com"))
    capture = LogCapture()
    structlog.configure(processors=[structlog.contextvars.merge_contextvars, capture])
    try:
        await site.browser().get(link)
    finally:
        structlog.reset_defaults()
    assert link.removeprefix("/enter/") not in str(capture.entries)
