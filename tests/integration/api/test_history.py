"""Orders, fills, decisions and balances: exact, in pages, and only one's own."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import insert

from storage.tables import AccountRuntime, Base, DecisionRow, FillRow, OrderIntent, OrderRow, Run, StrategyConfig
from tests.integration.api.site import Browser, Site

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


async def write(site: Site, table: type[Base], rows: list[dict[str, Any]]) -> None:
    async with site.fleet.transaction() as tx:
        await tx.execute(insert(table), rows)


def fills(user: str, account: str, count: int, *, at: datetime | None = None) -> list[dict[str, Any]]:
    """A minute apart, or all in one moment, as one order that sweeps a book makes them."""
    return [
        {
            "account_id": account,
            "user_id": user,
            "symbol": "BTC/USDT",
            "trade_id": f"{number:04}",
            "at": at or START + timedelta(minutes=number),
            "venue_order_id": "v1",
            "side": "buy",
            "price": Decimal("61204.10000000"),
            "quantity": Decimal("0.00042"),
            "fee": Decimal("1E-8"),
            "fee_asset": "BNB",
            "maker": True,
            "seq": number,
        }
        for number in range(count)
    ]


async def orders(site: Site, user: str, account: str, states: list[str]) -> None:
    await write(
        site,
        StrategyConfig,
        [{"id": "cfg_1", "account_id": account, "user_id": user, "version": 1, "strategy": "naive", "params": {}}],
    )
    await write(site, Run, [{"id": "run_1", "account_id": account, "user_id": user, "config_id": "cfg_1"}])
    for number, state in enumerate(states):
        name = {"account_id": account, "client_order_id": f"tf{number:030}", "user_id": user}
        intent = {
            "run_id": "run_1",
            "epoch": 1,
            "slot": "B:1",
            "cycle": number,
            "attempt": 1,
            "symbol": "BTC/USDT",
            "side": "buy",
            "kind": "limit",
            "purpose": "entry",
            "quantity": Decimal("0.1"),
            "price": Decimal("60000.5"),
            "reason": "dip to 60000.5",
            "intended_at": START + timedelta(seconds=number),
        }
        await write(site, OrderIntent, [name | intent])
        await write(site, OrderRow, [name | {"state": state, "venue_order_id": str(number)}])


async def test_a_fill_is_shown_to_the_last_digit(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    await write(site, FillRow, fills(ada.user_id, account, 1))
    page = (await ada.get(f"/api/v1/accounts/{account}/fills")).json()
    assert page == {
        "items": [
            {
                "at": "2026-03-01T12:00:00Z",
                "symbol": "BTC/USDT",
                "trade_id": "0000",
                "client_order_id": None,
                "venue_order_id": "v1",
                "side": "buy",
                "price": "61204.1",
                "quantity": "0.00042",
                "fee": "0.00000001",
                "fee_asset": "BNB",
                "maker": True,
            }
        ],
        "next_cursor": None,
    }


async def test_fills_of_one_moment_are_paged_without_a_gap(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    await write(site, FillRow, fills(ada.user_id, account, 10, at=START))
    path = f"/api/v1/accounts/{account}/fills?limit=4"
    seen: list[str] = []
    page = (await ada.get(path)).json()
    while True:
        seen += [fill["trade_id"] for fill in page["items"]]
        if page["next_cursor"] is None:
            break
        page = (await ada.get(f"{path}&cursor={page['next_cursor']}")).json()
    assert seen == [f"{number:04}" for number in reversed(range(10))]


async def test_a_page_that_is_exactly_full_is_the_last(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    await write(site, FillRow, fills(ada.user_id, account, 4))
    page = (await ada.get(f"/api/v1/accounts/{account}/fills?limit=4")).json()
    assert (len(page["items"]), page["next_cursor"]) == (4, None)


async def test_orders_say_why_they_were_wanted_and_can_be_kept_to_the_open_ones(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    await orders(site, ada.user_id, account, ["filled", "open", "unknown", "cancelled"])
    listed = (await ada.get(f"/api/v1/accounts/{account}/orders")).json()["items"]
    assert [order["state"] for order in listed] == ["cancelled", "unknown", "open", "filled"]
    assert (listed[0]["why"], listed[0]["price"]) == ("dip to 60000.5", "60000.5")
    standing = (await ada.get(f"/api/v1/accounts/{account}/orders?open_only=true")).json()["items"]
    assert [order["state"] for order in standing] == ["unknown", "open"]
    elsewhere = (await ada.get(f"/api/v1/accounts/{account}/orders?symbol=ETH/USDT")).json()["items"]
    assert elsewhere == []


async def test_decisions_carry_the_numbers_they_rested_on(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    row = {
        "account_id": account,
        "user_id": ada.user_id,
        "at": START,
        "id": "dec_1",
        "run_id": "run_1",
        "kind": "refused",
        "symbol": "BTC/USDT",
        "reason": "over the daily loss",
        "detail": {"loss": "82.5"},
    }
    await write(site, DecisionRow, [row, row | {"id": "dec_2", "kind": "noted"}])
    listed = (await ada.get(f"/api/v1/accounts/{account}/decisions?kind=refused")).json()["items"]
    assert [(entry["id"], entry["detail"]) for entry in listed] == [("dec_1", {"loss": "82.5"})]


async def test_balances_add_up_and_say_how_old_they_are(site: Site, ada: Browser) -> None:
    account = await ada.make_account()
    path = f"/api/v1/accounts/{account}/balances"
    assert (await ada.get(path)).json() == {"items": [], "at": None}
    balances = {"USDT": ["100.5", "0.25"], "BTC": ["0.00000001", "0"]}
    row = {
        "account_id": account,
        "user_id": ada.user_id,
        "state": "running",
        "balances": balances,
        "balances_at": START,
    }
    await write(site, AccountRuntime, [row])
    assert (await ada.get(path)).json() == {
        "items": [
            {"asset": "BTC", "free": "0.00000001", "locked": "0", "total": "0.00000001"},
            {"asset": "USDT", "free": "100.5", "locked": "0.25", "total": "100.75"},
        ],
        "at": "2026-03-01T12:00:00Z",
    }


async def test_a_fill_written_under_another_user_is_not_shown(site: Site, ada: Browser, bob: Browser) -> None:
    """Hypertables have no row-level security: the question names the account and its user."""
    account = await ada.make_account()
    await write(site, FillRow, fills(bob.user_id, account, 3))
    assert (await ada.get(f"/api/v1/accounts/{account}/fills")).json()["items"] == []
