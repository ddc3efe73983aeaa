"""Forms: an account, its key, its strategy. What is wrong stands at its field, and what was typed stays."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from storage.tables import CandleRow
from tests.integration.api.site import NAIVE, Browser, Site
from tests.integration.api.test_history import write

INSIDE = {"HX-Request": "true"}


async def test_an_account_is_made_and_leads_to_its_key_and_then_to_its_strategy(ada: Browser) -> None:
    made = await ada.post("/accounts/new", data={"name": "Harbour", "venue": "paper", "mode": "paper"}, headers=INSIDE)
    key_page = made.headers["hx-redirect"]
    account = key_page.removeprefix("/accounts/").removesuffix("/keys")
    put = await ada.post(key_page, data={"key": "exchange-key-0001", "secret": "exchange-secret-0001"}, headers=INSIDE)
    assert put.headers["hx-redirect"] == f"/accounts/{account}/strategy"
    saved = await ada.post(f"/accounts/{account}/strategy/naive", data=NAIVE["params"], headers=INSIDE)
    assert saved.headers["hx-redirect"] == f"/accounts/{account}"
    assert (await ada.get(f"/api/v1/accounts/{account}/config")).json()["params"]["dip_pct"] == "0.5"


async def test_what_is_wrong_with_a_new_account_stands_at_its_field_and_what_was_typed_stays(ada: Browser) -> None:
    typed = {"name": "Harbour", "venue": "paper", "mode": "paper", "time_zone": "Mars/Base"}
    answer = await ada.post("/accounts/new", data=typed, headers=INSIDE)
    assert answer.status_code == 422
    assert 'value="Harbour"' in answer.text
    assert re.search(r'id="about-time_zone" class="field-error">there is no such time zone', answer.text)
    unnamed = await ada.post("/accounts/new", data={"name": " ", "venue": "paper"}, headers=INSIDE)
    assert re.search(r'id="about-name" class="field-error"', unnamed.text)


async def test_a_secret_is_never_given_back(ada: Browser) -> None:
    account = await ada.make_account("Harbour")
    typed = {"key": "short", "secret": "exchange-secret-0001"}
    answer = await ada.post(f"/accounts/{account}/keys", data=typed, headers=INSIDE)
    assert answer.status_code == 422
    assert "exchange-secret-0001" not in answer.text
    await ada.post(f"/accounts/{account}/keys", data=typed | {"key": "exchange-key-0001"}, headers=INSIDE)
    page = (await ada.get(f"/accounts/{account}/keys")).text
    assert "<code>0001</code>" in page
    assert "exchange-key" not in page


async def test_a_param_out_of_its_bounds_is_said_at_its_field(ada: Browser) -> None:
    account = await ada.make_account("Harbour")
    typed = NAIVE["params"] | {"dip_pct": "500", "budget": "much"}
    answer = await ada.post(f"/accounts/{account}/strategy/naive", data=typed, headers=INSIDE)
    assert answer.status_code == 422
    assert re.search(r'id="about-dip_pct" class="field-error">allowed is', answer.text)
    assert re.search(r'id="about-budget" class="field-error">', answer.text)
    assert 'value="500"' in answer.text
    assert 'value="much"' in answer.text


async def test_an_edit_of_an_older_version_is_refused(ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    typed = NAIVE["params"] | {"_version": "0"}
    answer = await ada.post(f"/accounts/{account}/strategy/naive", data=typed, headers=INSIDE)
    assert answer.status_code == 422
    assert "It is at version 1 now." in answer.text


async def test_every_strategy_has_a_form_with_a_field_for_each_param(ada: Browser) -> None:
    account = await ada.make_account("Harbour")
    for strategy in (await ada.get("/api/v1/strategies")).json():
        page = await ada.get(f"/accounts/{account}/strategy?name={strategy['name']}")
        assert page.status_code == 200
        shapes = strategy["params"]["$defs"]
        shown = [shape["properties"] for shape in shapes.values() if "properties" in shape]
        assert any(all(f'name="{field}"' in page.text or field == "mode" for field in one) for one in shown)


async def test_the_preview_asks_the_strategy_itself_and_keeps_nothing(site: Site, ada: Browser) -> None:
    account = await ada.make_account("Harbour", ready=True)
    candle = {"open": 100, "high": 100, "low": 100, "close": 100, "volume": 1, "timeframe": "1m", "symbol": "BTC/USDT"}
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=1)
    await write(site, CandleRow, [candle | {"venue": "paper", "opened_at": at, "close": Decimal(100)}])
    typed = {"symbol": "BTC/USDT", "deal_quota": "50", "profit_markup": "1", "deal_count": "2", "order_life_time": "60"}
    seen = await ada.post(f"/accounts/{account}/strategy/deals/preview", data=typed, headers=INSIDE)
    assert seen.status_code == 200
    assert "Orders at once" in seen.text
    assert (await ada.get(f"/api/v1/accounts/{account}/config")).json()["strategy"] == "naive"
    wrong = await ada.post(
        f"/accounts/{account}/strategy/deals/preview", data=typed | {"deal_count": "0"}, headers=INSIDE
    )
    assert "deal_count" in wrong.text


async def test_other_peoples_forms_are_not_found(ada: Browser, bob: Browser) -> None:
    other = await bob.make_account("Secret cove")
    for path in ("keys", "strategy"):
        assert (await ada.get(f"/accounts/{other}/{path}")).status_code == 404
    for path in ("keys", "keys/delete", "strategy/naive", "strategy/naive/preview"):
        assert (await ada.post(f"/accounts/{other}/{path}", data={}, headers=INSIDE)).status_code == 404
