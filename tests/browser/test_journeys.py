"""What people do: a customer from registering to stopping, staff over everybody's accounts; live, by keyboard."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ROOT, NewVisitor, Visitor
from tests.browser.story import fill_now
from tests.integration.api.site import PASSWORD

pytestmark = pytest.mark.slow


def test_from_registering_to_a_running_account_and_to_its_end(visitor: NewVisitor) -> None:
    one = visitor()
    page = one.go("/register")
    page.get_by_label("E-mail").fill("eve@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main form button").click()
    page.get_by_role("link", name="Make an account").click()

    page.get_by_role("button", name="Make the account").click()
    expect(page.locator("#about-name.field-error")).to_be_visible()
    page.get_by_label("Name").fill("<script>alert(1)</script>")
    page.get_by_role("button", name="Make the account").click()

    page.wait_for_url(re.compile("/keys$"))
    page.get_by_label("Key", exact=True).fill("exchange-key-0001")
    page.get_by_label("Secret").fill("exchange-secret-0001")
    page.get_by_role("button", name="Put the key in").click()

    page.wait_for_url(re.compile("/strategy$"))
    page.get_by_role("link", name="naive").click()
    for label, value in {"symbol": "BTC/USDT", "dip %": "500", "target %": "1", "stop %": "5"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("budget per round").fill("50")
    page.get_by_label("budget", exact=True).fill("200")
    expect(page.locator("#preview")).to_contain_text("dip_pct")
    page.get_by_role("button", name="Save as version 1").click()
    expect(page.locator("#about-dip_pct.field-error")).to_be_visible()
    expect(page.get_by_label("dip %")).to_have_value("500")
    page.get_by_label("dip %").fill("0.5")
    page.get_by_role("button", name="Save as version 1").click()

    page.wait_for_url(re.compile(r"/accounts/acc_\w+$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("<script>alert(1)</script>")
    expect(page.locator("#why")).to_contain_text("told to be stopped")
    page.get_by_role("button", name=re.compile("^Start")).click()
    expect(page.get_by_role("button", name=re.compile("^Pause"))).to_be_visible()
    expect(page.locator("#why")).to_contain_text("Nothing was heard of its trader")

    page.get_by_role("button", name=re.compile("^Stop:")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Close everything now").check()
    stop = dialog.get_by_role("button", name="Stop trading")
    expect(stop).to_be_disabled()
    dialog.get_by_label(re.compile("Selling cannot be taken back")).fill("<script>alert(1)</script>")
    expect(stop).to_be_enabled()
    dialog.get_by_role("button", name="Keep it running").click()
    expect(page.get_by_role("button", name=re.compile("^Pause"))).to_be_visible()
    page.get_by_role("button", name=re.compile("^Stop:")).click()
    dialog.get_by_label("Withdraw its orders").check()
    stop.click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("button", name=re.compile("^Start"))).to_be_visible()

    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(re.compile("/login$"))


def test_a_fill_is_shown_without_asking_and_nothing_moves_under_the_hand(ada: Visitor) -> None:
    page = ada.page
    page.evaluate("document.querySelector('#cards a').focus(); scrollTo(0, 40)")
    focused = page.evaluate("document.activeElement.outerHTML")
    page.wait_for_timeout(700)
    ada.running.run(fill_now(ada.running.owner, ada.running.ada, ada.running.accounts["Harbour"], price="61999.5"))
    expect(page.locator("#fills")).to_contain_text("61,999.5", timeout=3000)
    expect(page.locator("#toasts")).to_contain_text("Harbour: bought 0.00042 BTC/USDT")
    assert page.evaluate("document.activeElement.outerHTML") == focused
    assert page.evaluate("scrollY") == 40


def test_the_chart_is_drawn_with_orders_and_fills(ada: Visitor) -> None:
    page = ada.go(f"/accounts/{ada.running.accounts['Harbour']}")
    expect(page.locator("tf-chart canvas").first).to_be_visible()
    expect(page.locator("tf-chart [data-waits]")).to_be_hidden()


def test_a_session_that_ended_elsewhere_leads_to_the_sign_in_and_back(ada: Visitor) -> None:
    path = f"/accounts/{ada.running.accounts['Harbour']}"
    ada.go(path)
    ada.expected.add("status of 401")  # what the open page asked for meanwhile
    ada.page.context.clear_cookies()
    ada.go(path)
    ada.page.wait_for_url(re.compile("/login"))
    ada.page.get_by_label("E-mail").fill("ada@example.com")
    ada.page.get_by_label("Password").fill(PASSWORD)
    ada.page.locator("main form button").click()
    ada.page.wait_for_url(ada.running.url + path)


def test_the_keyboard_leads_everywhere(ada: Visitor) -> None:
    page = ada.page
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    page.wait_for_url(re.compile("/history"))
    page.keyboard.press("h")
    page.wait_for_url(ada.running.url + "/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()


def test_theme_and_language_change_and_stay(visitor: NewVisitor) -> None:
    one = visitor()
    one.sign_in()
    page = one.go("/settings")
    page.get_by_label("Theme").select_option("dark")
    page.get_by_label("Language").select_option("ru")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("html[lang=ru][data-theme=dark]")).to_be_attached()
    one.go("/")
    expect(page.locator("html[lang=ru][data-theme=dark]")).to_be_attached()
    expect(page.get_by_role("navigation", name="Главное").first).to_contain_text("Настройки")


def test_staff_stops_several_accounts_for_a_reason_and_reads_the_receipt(visitor: NewVisitor) -> None:
    one = visitor()
    one.sign_in(ROOT)
    page = one.go("/admin?text=ada@")
    page.get_by_role("checkbox", name="Lighthouse").check()
    page.get_by_role("checkbox", name="Breakwater").check()
    stop = page.get_by_role("button", name="Stop 2")
    page.get_by_label("Reason", exact=True).first.fill("a drill")
    stop.click()
    expect(page.locator("#accounts [role=status]")).to_contain_text("Lighthouse")
    page.locator("header").get_by_role("link", name="Admin").click()
    page.get_by_role("link", name="Audit").click()
    expect(page.get_by_role("table")).to_contain_text("a drill")


def test_a_fill_is_marked_on_the_chart_that_is_open(ada: Visitor) -> None:
    page = ada.go(f"/accounts/{ada.running.accounts['Harbour']}")
    expect(page.locator("tf-chart [data-waits]")).to_be_hidden()
    page.wait_for_timeout(700)
    with page.expect_response(re.compile("/chart"), timeout=5000):
        ada.running.run(fill_now(ada.running.owner, ada.running.ada, ada.running.accounts["Harbour"], price="61888.5"))
