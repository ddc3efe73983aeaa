"""Every page, in both themes, on a wide screen and on a phone: readable for everyone, and nothing sticks out."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import PHONE, ROOT, WIDE, NewVisitor

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
OF_CUSTOMERS = (
    "/",
    "/accounts/{Harbour}",
    "/accounts/{Sandbank}",
    "/accounts/new",
    "/accounts/{Harbour}/keys",
    "/accounts/{Harbour}/strategy",
    "/accounts/{Harbour}/strategy?name=rebalance",
    "/history",
    "/history?what=orders&account={Harbour}",
    "/history?what=decisions&account={Harbour}",
    "/performance",
    "/settings",
)
OF_STAFF = ("/admin", "/admin?section=users", "/admin?section=audit")
OF_STRANGERS = ("/login", "/register", "/api/docs", "/problems/conflict")
LOOKS = [pytest.param(WIDE, False, id="wide and light"), pytest.param(PHONE, True, id="phone and dark")]


def faults(page: Page) -> list[str]:
    """What axe finds serious, each with the first element that has it."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']})")
    return [
        f"{fault['id']}: {fault['nodes'][0]['html'][:160]} {fault['nodes'][0].get('failureSummary', '')[:200]}"
        for fault in found["violations"]
        if fault["impact"] in {"serious", "critical"}
    ]


def sticks_out(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.mark.slow
@pytest.mark.parametrize(("size", "dark"), LOOKS)
@pytest.mark.parametrize(("who", "paths"), [("ada", OF_CUSTOMERS), (ROOT, OF_STAFF), ("", OF_STRANGERS)])
def test_pages_can_be_used_by_everyone(
    visitor: NewVisitor, size: tuple[int, int], dark: bool, who: str, paths: tuple[str, ...]
) -> None:
    one = visitor(size, dark=dark)
    if who == "ada":
        one.sign_in()
    elif who:
        one.sign_in(who)
    wrong = {}
    for path in paths:
        page = one.go(path.format(**one.running.accounts))
        page.wait_for_load_state("load")
        found = faults(page) + (["it sticks out"] if sticks_out(page) else [])
        if found:
            wrong[path] = found
    assert wrong == {}


@pytest.mark.slow
def test_what_a_finger_presses_is_large_enough(visitor: NewVisitor) -> None:
    one = visitor(PHONE)
    one.sign_in()
    small = one.page.evaluate(
        """[...document.querySelectorAll('button, a.btn, nav a, select, input:not([type=hidden])')]
            .filter(one => one.checkVisibility({visibilityProperty: true}))
            .filter(one => (one.closest('label') ?? one).getBoundingClientRect().height < 44)
            .map(one => one.outerHTML.slice(0, 120))"""
    )
    assert small == []


@pytest.mark.slow
def test_the_first_page_is_light(visitor: NewVisitor) -> None:
    one = visitor()
    received: list[int] = []
    session = one.page.context.new_cdp_session(one.page)
    session.send("Network.enable")
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    one.sign_in()
    one.page.wait_for_timeout(500)
    assert 50_000 < sum(received) < 200_000
