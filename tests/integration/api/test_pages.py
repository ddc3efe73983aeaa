"""The first pages: sign in, see the accounts, in a browser that loads nothing from elsewhere."""

import re

from api.identity.service import make_sign_in_link
from storage.tables import FillRow
from tests.integration.api.site import PASSWORD, Browser, Site
from tests.integration.api.test_history import fills, write

PAGES = ("/login", "/register", "/api/docs", "/problems/conflict")


async def test_a_stranger_is_led_to_the_sign_in_page(site: Site) -> None:
    answer = await site.browser().get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert (await site.browser().get("/live")).status_code == 401


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
    assert "wrong" not in re.findall(r'name="password"[^>]*value="([^"]*)"', answer.text)


async def test_registering_by_the_form_signs_in(site: Site) -> None:
    browser = site.browser()
    short = await browser.post("/register", data={"email": "eve@example.com", "password": "short"})
    assert short.status_code == 400
    answer = await browser.post("/register", data={"email": "eve@example.com", "password": PASSWORD})
    assert answer.status_code == 303
    assert "No account yet" in (await browser.get("/")).text


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
    assert page.count("▲ buy") == 2
    assert "61204.1<" in page
    assert "cove" not in page


async def test_what_customers_write_is_shown_as_text(ada: Browser) -> None:
    await ada.make_account("<script>alert(1)</script>")
    page = (await ada.get("/")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


async def test_the_page_that_refreshes_is_the_page_that_was_first_shown(ada: Browser) -> None:
    await ada.make_account("Harbour")
    live = (await ada.get("/live")).text
    assert live in (await ada.get("/")).text


async def test_no_page_needs_another_host_or_an_inline_script(site: Site, ada: Browser) -> None:
    for path in (*PAGES, "/"):
        answer = await ada.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"""(?:src|href|action)=["'](?:https?:)?//""", answer.text), path
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|style=", answer.text), path
    for asset in ("app.css", "app.js", "icon.svg"):
        answer = await site.browser().get(f"/static/{asset}")
        assert answer.status_code == 200
        assert "http" not in answer.text.replace("http://www.w3.org", "")


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
