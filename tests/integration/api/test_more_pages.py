"""History, settings, performance and the pages of staff."""

import re

from sqlalchemy import insert

from storage.tables import EquityRow, FillRow
from tests.integration.api.site import PASSWORD, Browser, Site
from tests.integration.api.test_history import fills, write

INSIDE = {"HX-Request": "true"}


async def test_the_filter_of_history_is_its_address_and_its_file_is_the_same_filter(site: Site, ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    await write(site, FillRow, fills(ada.user_id, account, 3))
    query = f"account={account}&symbol=btc/usdt&since=2020-01-01"
    page = (await ada.get(f"/history?{query}")).text
    assert page.count("61,204.1<") == 3
    file = re.search(r'href="(/api/v1/accounts/[^"]+fills.csv[^"]*)"', page)
    assert file is not None
    lines = (await ada.get(file[1].replace("&amp;", "&"))).text.splitlines()
    assert len(lines) == 4
    assert "Nothing fits" in (await ada.get(f"/history?account={account}&symbol=ETH/USDT")).text
    assert (await ada.get(f"/history?account={account}&since=yesterday")).status_code == 400


async def test_history_of_another_tenant_is_not_found(ada: Browser, bob: Browser) -> None:
    other = await bob.make_account("Secret cove")
    for what in ("fills", "orders", "decisions"):
        assert (await ada.get(f"/history?what={what}&account={other}")).status_code == 404


async def test_a_long_history_goes_on_where_the_page_ended(site: Site, ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    await write(site, FillRow, fills(ada.user_id, account, 60))
    first = (await ada.get(f"/history?account={account}")).text
    older = re.search(r'href="\?([^"]+cursor[^"]+)"', first)
    assert older is not None
    second = (await ada.get("/history?" + older[1].replace("&amp;", "&"))).text
    assert (first.count("61,204.1<"), second.count("61,204.1<")) == (50, 10)


async def test_language_theme_and_zone_hold_for_the_browser(ada: Browser) -> None:
    chosen = {"language": "ru", "theme": "dark", "colours": "blue-orange", "zone": "Europe/Berlin"}
    assert (await ada.post("/settings/look", data=chosen, headers=INSIDE)).headers["hx-refresh"] == "true"
    page = (await ada.get("/settings")).text
    assert '<html lang="ru" data-theme="dark" data-colours="blue-orange">' in page
    assert 'value="Europe/Berlin"' in page
    odd = {"language": "xx", "theme": "<script>", "colours": "", "zone": "Mars/Base"}
    await ada.post("/settings/look", data=odd, headers=INSIDE)
    assert '<html lang="en" data-colours="green-up">' in (await ada.get("/settings")).text


async def test_a_token_is_shown_once_and_can_be_revoked(ada: Browser) -> None:
    made = await ada.post("/settings/tokens", data={"name": "Robot", "scopes": "read"}, headers=INSIDE)
    assert re.search(r"tf_paper_\w+", made.text)
    page = (await ada.get("/settings")).text
    assert "Robot" in page
    assert "tf_paper_" not in page
    revoke = re.search(r'hx-post="(/settings/tokens/[^"]+/revoke)"', page)
    assert revoke is not None
    assert "Robot" not in (await ada.post(revoke[1], headers=INSIDE)).text


async def test_a_wrong_password_is_said_at_the_form_and_signs_nobody_out(ada: Browser) -> None:
    wrong = {"current": "not my password", "new": "another long password"}
    answer = await ada.post("/settings/password", data=wrong, headers=INSIDE)
    assert answer.status_code == 422
    assert "The current password is wrong." in answer.text
    assert "hx-redirect" not in answer.headers
    short = await ada.post("/settings/password", data={"current": PASSWORD, "new": "short"}, headers=INSIDE)
    assert re.search(r'id="about-new" class="field-error"', short.text)


async def test_another_session_can_be_ended(site: Site, ada: Browser) -> None:
    other = await site.browser(ada.email).sign_in()
    page = (await ada.get("/settings")).text
    end = re.search(r'hx-post="(/settings/sessions/[^"]+/revoke)"', page)
    assert end is not None
    await ada.post(end[1], headers=INSIDE)
    assert (await other.get("/")).status_code == 303
    assert (await ada.get("/")).status_code == 200


async def test_the_second_factor_begins_with_the_password(ada: Browser) -> None:
    refused = await ada.post("/settings/second-factor", data={"password": "wrong"}, headers=INSIDE)
    assert refused.status_code == 422
    proposed = await ada.post("/settings/second-factor", data={"password": PASSWORD}, headers=INSIDE)
    assert "otpauth://" in proposed.text
    wrong = await ada.post("/settings/second-factor/confirm", data={"code": "000000"}, headers=INSIDE)
    assert wrong.status_code == 422


async def test_performance_tells_of_ones_own_accounts_and_of_nothing_below_the_sample(
    site: Site, ada: Browser, bob: Browser
) -> None:
    account, other = await ada.make_account("Harbour", ready=True), await bob.make_account("Secret cove")
    async with site.owner.transaction() as tx:
        for user, name in ((ada.user_id, account), (bob.user_id, other)):
            row = {"account_id": name, "user_id": user, "quote_asset": "USDT", "realised": 0, "unrealised": 0}
            await tx.execute(insert(EquityRow).values(**row, at="now", equity=1000))
    page = (await ada.get("/performance?span=1d")).text
    assert "Harbour" in page
    assert "cove" not in page
    assert "n/a" in page


async def test_only_staff_sees_the_pages_of_staff_and_only_admins_act(site: Site, ada: Browser, admin: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    helper = await site.sign_in("help@example.com", "support")
    assert (await ada.get("/admin")).status_code == 403
    assert "Harbour" in (await helper.get("/admin")).text
    order = {"account": account, "reason": "a test"}
    assert (await helper.post("/admin/accounts/start", data=order, headers=INSIDE)).status_code == 403
    assert (await ada.post("/admin/accounts/start", data=order, headers=INSIDE)).status_code == 403
    started = await admin.post("/admin/accounts/start", data=order, headers=INSIDE)
    assert "Receipt" in started.text
    assert (await ada.get(f"/api/v1/accounts/{account}")).json()["desired_state"] == "running"
    assert "a test" in (await admin.get(f"/admin?section=audit&text={account}")).text


async def test_several_accounts_are_told_the_same_and_the_receipt_says_what_became_of_each(
    ada: Browser, admin: Browser
) -> None:
    ready, bare = await ada.make_account("Harbour", ready=True), await ada.make_account("Bare")
    order = {"account": [ready, bare], "reason": "a test"}
    receipt = (await admin.post("/admin/accounts/start", data=order, headers=INSIDE)).text
    assert receipt.count("icon-circle-check") >= 1
    assert "put its credentials in first" in receipt


async def test_what_staff_does_wants_a_reason(ada: Browser, admin: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    assert (await admin.post("/admin/accounts/stop", data={"account": account}, headers=INSIDE)).status_code == 400
    assert (await admin.post("/admin/switch", data={"state": "halted"}, headers=INSIDE)).status_code == 400


async def test_the_switch_over_everything_shows_on_every_page(ada: Browser, admin: Browser) -> None:
    await ada.make_account("Harbour", ready=True)
    await admin.post("/admin/switch", data={"state": "halted", "reason": "a test"}, headers=INSIDE)
    assert "Switched off: platform" in (await ada.get("/history")).text


async def test_staff_finds_accounts_by_name_owner_and_id(ada: Browser, bob: Browser, admin: Browser) -> None:
    account = await ada.make_account("Harbour")
    await bob.make_account("Cove")
    for text in ("harb", "ada@", account):
        page = (await admin.get(f"/admin?text={text}")).text
        assert "Harbour" in page
        assert "Cove" not in page


async def test_selling_wants_the_accounts_name_and_withdrawing_does_not(ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    stop = f"/accounts/{account}/commands/stop"
    await ada.post(f"/accounts/{account}/commands/start", headers=INSIDE)
    refused = await ada.post(stop, data={"mode": "market", "confirm": "Harbor"}, headers=INSIDE)
    assert refused.status_code == 400
    assert (await ada.get(f"/api/v1/accounts/{account}")).json()["desired_state"] == "running"
    assert (await ada.post(stop, data={"mode": "market", "confirm": "Harbour"}, headers=INSIDE)).status_code == 200
    assert (await ada.get(f"/api/v1/accounts/{account}")).json()["desired_state"] == "stopped"
