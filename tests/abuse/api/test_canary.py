"""An exchange secret that was put in over the API is found nowhere afterwards: no table, no log, in no form."""

import base64
import io
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import structlog

from tests.integration.api.site import PASSWORD, Browser, Site

pytestmark = [pytest.mark.asyncio(loop_scope="module")]

CANARY = {"key": "canary-key-7Qz1+/Kp", "secret": "canary-secret-9Xw4+/Tv"}


def forms(secret: str) -> set[str]:
    raw = secret.encode()
    shifted = {base64.b64encode(b"x" * shift + raw).decode()[4:-4] for shift in range(3)}
    return {secret, quote(secret, safe=""), raw.hex(), base64.b64encode(raw).decode().rstrip("="), *shifted}


async def everything_stored(site: Site) -> str:
    async with site.owner.transaction() as tx:
        tables = await tx.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [row[0] for row in tables]
        rows = [await tx.exec_driver_sql(f'SELECT t::text FROM "{name}" t') for name in names]
        return "\n".join(row[0] for result in rows for row in result)


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """Everything that anybody logs, at the lowest level there is."""
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(lines))
    yield lines
    structlog.reset_defaults()
    root.setLevel(before)
    root.removeHandler(handler)


async def test_an_exchange_secret_is_in_no_table_and_in_no_log(
    site: Site, ada: Browser, log_lines: io.StringIO
) -> None:
    account = await ada.make_account(ready=True)
    path = f"/api/v1/accounts/{account}/credentials"
    assert (await ada.put(path, json=CANARY)).status_code == 200
    # What goes wrong is where secrets leak: an unknown field, a wrong type, a broken body, an archived account.
    await ada.put(path, json={**CANARY, "extra": CANARY["secret"]})
    await ada.put(path, json={"key": CANARY["key"], "secret": [CANARY["secret"]]})
    await ada.put(
        path, content=f'{{"secret": "{CANARY["secret"]}'.encode(), headers={"Content-Type": "application/json"}
    )
    await ada.put(f"{path}?secret={quote(CANARY['secret'])}", json={})
    await ada.delete(f"/api/v1/accounts/{account}")
    answer = await ada.put(path, json=CANARY)
    assert answer.status_code == 409
    stored, logged = await everything_stored(site), log_lines.getvalue()
    assert account in stored
    assert "request" in logged
    for form in forms(CANARY["secret"]) | forms(CANARY["key"]):
        assert form not in stored
        assert form not in logged


async def test_passwords_and_the_secrets_that_stand_for_somebody_are_stored_and_logged_nowhere(
    site: Site, ada: Browser, log_lines: io.StringIO
) -> None:
    token = (await ada.post("/api/v1/tokens", json={"name": "script"})).json()["secret"]
    await site.browser(Authorization=f"Bearer {token}").get("/api/v1/me")
    await site.browser(ada.email).sign_in()
    cookie = ada.http.cookies["tf_session"]
    stored, logged = await everything_stored(site), log_lines.getvalue()
    for secret in (PASSWORD, token, cookie, ada.http.headers["x-csrf-token"]):
        for form in forms(secret):
            assert form not in stored
            assert form not in logged


async def test_an_error_answer_never_repeats_a_secret(ada: Browser) -> None:
    account = await ada.make_account()
    path = f"/api/v1/accounts/{account}/credentials"
    for body in ({**CANARY, "extra": 1}, {"key": CANARY["key"], "secret": [CANARY["secret"]]}, [CANARY["secret"]]):
        answer = await ada.put(path, json=body)
        assert answer.status_code == 400
        assert CANARY["secret"] not in answer.text
        assert CANARY["key"] not in answer.text
