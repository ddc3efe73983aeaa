"""Pages over real HTTP: who may see what, what is shown as text, and what no page may need."""

import re

from api.identity.service import make_sign_in_link
from api.pages.assets import STATIC
from storage.tables import FillRow
from tests.integration.api.site import PASSWORD, Browser, Site
from tests.integration.api.test_history import fills, write

PAGES = ("/login", "/register", "/api/docs", "/problems/conflict")
INSIDE = {"HX-Request": "true"}


async def test_a_stranger_is_led_to_the_sign_in_page_and_back(site: Site) -> None:
    stranger = site.browser()
    answer = await stranger.get("/accounts/acc_none")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/accounts/acc_none")
    assert 'value="/accounts/acc_none"' in (await stranger.get(answer.headers["location"])).text
    await site.add_user("ada@example.com")
    form = {"email": "ada@example.com", "password": PASSWORD, "next": "/accounts/acc_none"}
    assert (await stranger.post("/login", data=form)).headers["location"] == "/accounts/acc_none"


async def test_a_sign_in_leads_to_no_other_site(site: Site) -> None:
    await site.add_user("ada@example.com")
    for target in ("https://example.org/", "//example.org/", "/\\example.org", "javascript:alert(1)", "/\n//x"):
        form = {"email": "ada@example.com", "password": PASSWORD, "next": target}
        assert (await site.browser().post("/login", data=form)).headers["location"] == "/"


async def test_a_part_of_a_page_asked_for_without_a_session_sends_the_whole_page_to_the_sign_in(site: Site) -> None:
    answer = await site.browser().get("/", headers=INSIDE)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")
    assert (await site.browser().get("/live?page=home")).status_code == 303


async def test_signing_in_by_the_form_leads_to_the_start_page(site: Site) -> None:
    await site.add_user("ada@example.com")
    browser = site.browser()
    answer = await browser.post("/login", data={"email": "ada@example.com", "password": PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "ada@example.com" in (await browser.get("/")).text


async def test_a_refused_sign_in_keeps_the_email_and_says_why(site: Site) -> None:
    answer = await site.browser().post("/login", data={"email": "ada@example.com", "password": "wrong"})
    assert answer.status_code == 401
    assert 'value="ada@example.com"' in answer.text
    assert "E-mail or password is wrong" in answer.text
    assert not re.search(r'<input[^>]*name="password"[^>]*\bvalue=', answer.text)


async def test_registering_by_the_form_signs_in(site: Site) -> None:
    browser = site.browser()
    short = await browser.post("/register", data={"email": "eve@example.com", "password": "short"})
    assert short.status_code == 400
    answer = await browser.post("/register", data={"email": "eve@example.com", "password": PASSWORD})
    assert answer.status_code == 303
    assert "No account yet" in (await browser.get("/")).text


async def test_signing_out_ends_the_session(ada: Browser) -> None:
    answer = await ada.post("/logout", headers=INSIDE)
    assert answer.headers["hx-redirect"] == "/login"
    assert (await ada.get("/")).status_code == 303


async def test_the_sign_in_link_leads_to_the_start_page_and_a_used_one_says_so(site: Site) -> None:
    link = await make_sign_in_link(site.database, await site.add_user("ada@example.com"))
    browser = site.browser()
    entered = await browser.get(link)
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert entered.headers["referrer-policy"] == "no-referrer"
    again = await site.browser().get(link)
    assert again.status_code == 404
    assert "used up" in again.text


async def test_accounts_and_their_last_fills_are_shown_and_other_peoples_are_not(
    site: Site, ada: Browser, bob: Browser
) -> None:
    account, other = await ada.make_account("Harbour", ready=True), await bob.make_account("Secret cove")
    await write(site, FillRow, fills(ada.user_id, account, 2) + fills(bob.user_id, other, 1))
    page = (await ada.get("/")).text
    assert "Harbour" in page
    assert "PAPER" in page
    assert page.count("61,204.1<") == 2
    assert "cove" not in page


async def test_another_tenants_account_is_not_found_as_if_it_never_was(ada: Browser, bob: Browser) -> None:
    other = await bob.make_account("Secret cove")
    for path in ("", "/chart?symbol=BTC/USDT"):
        theirs = await ada.get(f"/accounts/{other}{path}")
        never = await ada.get(f"/accounts/acc_none{path}")
        assert theirs.status_code == never.status_code == 404
        assert _without_request_id(theirs.text) == _without_request_id(never.text)
    assert (await ada.get(f"/live?page=account&account={other}")).status_code == 404
    told = await ada.post(f"/accounts/{other}/commands/start", headers=INSIDE)
    assert told.status_code == 404


def _without_request_id(page: str) -> str:
    return re.sub(r"req_[0-9a-f]+", "", page)


async def test_what_customers_write_is_shown_as_text(ada: Browser) -> None:
    account = await ada.make_account("<script>alert(1)</script>")
    for path in ("/", f"/accounts/{account}"):
        page = (await ada.get(path)).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


async def test_a_command_answers_with_the_parts_of_the_page_as_they_are_now(ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    started = await ada.post(f"/accounts/{account}/commands/start?on=home", headers=INSIDE)
    assert started.status_code == 200
    assert 'hx-target="#cards"' in started.text
    assert f"/accounts/{account}/commands/pause" in started.text
    assert (await ada.get(f"/api/v1/accounts/{account}")).json()["desired_state"] == "running"


async def test_a_refused_command_is_said_beside_the_page(ada: Browser) -> None:
    account = await ada.make_account("Harbour")
    answer = await ada.post(f"/accounts/{account}/commands/start", headers=INSIDE)
    assert (answer.status_code, answer.headers["hx-retarget"]) == (409, "#toasts")
    assert "put its credentials in first" in answer.text


async def test_no_form_works_without_the_sessions_csrf_token(ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    del ada.http.headers["X-CSRF-Token"]
    assert (await ada.post(f"/accounts/{account}/commands/start", headers=INSIDE)).status_code == 403
    assert (await ada.post("/logout", headers=INSIDE)).status_code == 403


async def test_the_stream_brings_the_page_and_then_only_what_has_changed(ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    async with ada.http.stream("GET", "/live?page=home") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        first = await _until(lines, "event: beat")
        assert any('hx-target="#cards"' in line for line in first)
        assert not any("event: beat" in line and "cards" in line for line in await _until(lines, "event: beat"))
        await ada.post(f"/accounts/{account}/commands/start", headers=INSIDE)
        then = await _until(lines, "event: beat")
        assert any("/commands/pause" in line for line in then)


async def _until(lines: object, end: str) -> list[str]:
    read: list[str] = []
    async for line in lines:  # type: ignore[attr-defined]
        read.append(line)
        if line.startswith(end):
            return read
    return read


async def test_no_page_needs_another_host_or_an_inline_script(site: Site, ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    for path in (*PAGES, "/", f"/accounts/{account}"):
        answer = await ada.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", answer.text), path
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|\bstyle=", answer.text), path
    for asset in STATIC.glob("*"):
        assert (await site.browser().get(f"/static/{asset.name}")).status_code == 200


async def test_a_file_outside_the_static_folder_is_not_served(site: Site) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
        assert (await site.browser().get(path)).status_code == 404


async def test_every_operation_is_on_the_documentation_page(site: Site) -> None:
    schema = (await site.browser().get("/api/openapi.json")).json()
    page = (await site.browser().get("/api/docs")).text
    for path, item in schema["paths"].items():
        for verb, operation in item.items():
            assert f'id="{operation["operationId"]}"' in page, (verb, path)
    for name in schema["components"]["schemas"]:
        assert f'id="schema-{name}"' in page


async def test_a_problems_type_leads_to_its_explanation(site: Site) -> None:
    problem = (await site.browser().get("/api/v1/me")).json()
    page = await site.browser().get(problem["type"])
    assert page.status_code == 200
    assert problem["code"] in page.text
    assert (await site.browser().get("/problems/none")).status_code == 404
