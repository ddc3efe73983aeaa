"""Fills as a file, and figures for Prometheus."""

import csv
import io
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.history import export
from storage.tables import FillRow
from tests.integration.api.site import Browser, Site
from tests.integration.api.test_history import START, fills, write


async def rows(browser: Browser, path: str) -> list[dict[str, str]]:
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(answer.text)))


async def test_every_fill_is_in_the_file_however_many_reads_it_takes(
    site: Site, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "ROWS_PER_READ", 4)
    account = await ada.make_account()
    for count in (9, 8):  # a last read that is not full, and one that is
        async with site.owner.transaction() as tx:
            await tx.exec_driver_sql("DELETE FROM fills")
        await write(site, FillRow, fills(ada.user_id, account, count))
        found = await rows(ada, f"/api/v1/accounts/{account}/fills.csv")
        assert [row["trade_id"] for row in found] == [f"{number:04}" for number in reversed(range(count))]
    assert (found[0]["price"], found[0]["fee"], found[0]["maker"]) == ("61204.1", "0.00000001", "maker")


async def test_the_file_has_what_the_filter_has(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    await write(site, FillRow, fills(ada.user_id, account, 5))
    since, until = (START + timedelta(minutes=minute) for minute in (1, 3))
    query = f"since={since:%Y-%m-%dT%H:%M:%SZ}&until={until:%Y-%m-%dT%H:%M:%SZ}"
    found = await rows(ada, f"/api/v1/accounts/{account}/fills.csv?{query}")
    listed = (await ada.get(f"/api/v1/accounts/{account}/fills?{query}")).json()["items"]
    assert [row["trade_id"] for row in found] == [fill["trade_id"] for fill in listed] == ["0002", "0001"]
    assert await rows(ada, f"/api/v1/accounts/{account}/fills.csv?symbol=ETH/USDT") == []


async def test_a_cell_that_would_be_run_is_made_text(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    fill = fills(ada.user_id, account, 1)[0] | {"trade_id": "=cmd|'/c calc'!A0", "fee_asset": "@SUM(A1)"}
    await write(site, FillRow, [fill])
    found = await rows(ada, f"/api/v1/accounts/{account}/fills.csv")
    assert (found[0]["trade_id"], found[0]["fee_asset"]) == ("'=cmd|'/c calc'!A0", "'@SUM(A1)")


async def test_figures_say_how_requests_go_and_what_the_fleet_does(site: Site, ada: Browser, admin: Browser) -> None:
    account = await ada.make_account(ready=True)
    await ada.make_account("Second")
    await ada.post(f"/api/v1/accounts/{account}/start")
    await ada.get("/api/v1/accounts/acc_none")
    answer = await admin.get("/metrics")
    assert answer.status_code == 200
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    route = ("route", "/api/v1/accounts/{account_id}")
    assert samples["tradefleet_api_requests_total", ("method", "GET"), route, ("status", "404")] == 1
    running = (("desired_state", "running"), ("mode", "paper"), ("state", "stopped"))
    assert samples["tradefleet_accounts", *running] == 1
    assert account not in answer.text


async def test_an_address_that_is_not_there_makes_no_new_series(site: Site, admin: Browser) -> None:
    """Else a stranger fills our memory with addresses."""
    for number in range(5):
        await site.browser().http.request(f"STRANGE{number}", f"/nothing/{number}")
    figures = (await admin.get("/metrics")).text
    assert "/nothing/" not in figures
    assert "STRANGE" not in figures
