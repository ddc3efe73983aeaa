"""The switches that stop trading: what they show, who turns them, and that the gate obeys them."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from storage import leases
from storage.fleet import open_runs
from storage.orders.intents import Forbidden, intend
from tests.integration.api.site import Browser, Site
from trading.events import Checkpoint
from trading.ids import AccountId, ClientOrderId, Slot, Symbol, UserId
from trading.orders import ApprovedOrder, OrderKind, Purpose, Side

HALT = {"state": "halted", "reason": "something smells"}
OPEN = {"state": "active", "reason": "all is well again"}


async def order(site: Site, user: str, account: str, number: int, purpose: Purpose = Purpose.ENTRY) -> None:
    """Take one order to the gate, as the gateway does."""
    owner, name = UserId(user), AccountId(account)
    async with site.fleet.transaction() as tx:
        config = (
            await tx.exec_driver_sql(f"SELECT id FROM strategy_configs WHERE account_id = '{account}'")
        ).scalar_one()
        run = (await open_runs(tx, [(name, owner, config)]))[name]
        await tx.exec_driver_sql(f"DELETE FROM account_leases WHERE account_id = '{account}'")
        epoch = (await leases.grant(tx, [name], "test", 60, grace_s=0))[name]
        wish = ApprovedOrder(
            client_order_id=ClientOrderId(f"tf{number:030}"),
            run=run,
            slot=Slot("B:1"),
            cycle=number,
            attempt=1,
            symbol=Symbol("BTC/USDT"),
            side=Side.BUY,
            kind=OrderKind.LIMIT,
            quantity=Decimal("0.1"),
            price=Decimal(60000),
            purpose=purpose,
            reason="test",
        )
        checkpoint = Checkpoint(version=number, seq=0, books={}, strategy={})
        await intend(tx, name, owner, epoch, [wish], checkpoint, datetime.now(UTC))


async def test_never_turned_everything_is_active(ada: Browser) -> None:
    account = await ada.make_account()
    expected = {"effective": "active", "items": []}
    assert (await ada.get("/api/v1/controls")).json() == expected
    assert (await ada.get(f"/api/v1/accounts/{account}/controls")).json() == expected


@pytest.mark.parametrize("path", ["/api/v1/controls", "/api/v1/accounts/{}/controls"])
async def test_a_halt_closes_the_gate_at_the_next_order_and_opening_it_lets_through(
    site: Site, ada: Browser, path: str
) -> None:
    account = await ada.make_account(ready=True)
    await order(site, ada.user_id, account, 1)
    assert (await ada.put(path.format(account), json=HALT)).json()["effective"] == "halted"
    with pytest.raises(Forbidden, match="something smells"):
        await order(site, ada.user_id, account, 2, Purpose.EXIT)
    await ada.put(path.format(account), json=OPEN)
    await order(site, ada.user_id, account, 3)


async def test_reduce_only_lets_out_and_not_in(site: Site, ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    await ada.put(f"/api/v1/accounts/{account}/controls", json={**HALT, "state": "reduce_only"})
    await order(site, ada.user_id, account, 1, Purpose.EXIT)
    with pytest.raises(Forbidden):
        await order(site, ada.user_id, account, 2, Purpose.ENTRY)


async def test_one_market_can_be_shut_alone(site: Site, ada: Browser) -> None:
    account = await ada.make_account(ready=True)
    path = f"/api/v1/accounts/{account}/controls"
    shut = (await ada.put(path, json={**HALT, "symbol": "ETH/USDT"})).json()
    assert (shut["effective"], [item["symbol"] for item in shut["items"]]) == ("active", ["ETH/USDT"])
    await order(site, ada.user_id, account, 1)
    await ada.put(path, json={**HALT, "symbol": "BTC/USDT"})
    with pytest.raises(Forbidden):
        await order(site, ada.user_id, account, 2)


async def test_what_staff_has_shut_its_owner_cannot_open_only_shut_tighter(
    site: Site, ada: Browser, admin: Browser
) -> None:
    account = await ada.make_account(ready=True)
    mine, theirs = f"/api/v1/accounts/{account}/controls", f"/api/v1/admin/accounts/{account}/control"
    await admin.put(theirs, json={**HALT, "state": "reduce_only"})
    refused = await ada.put(mine, json=OPEN)
    assert (refused.status_code, refused.json()["state"]) == (409, "reduce_only")
    assert (await ada.put(mine, json=HALT)).json()["effective"] == "halted"
    assert (await ada.put(mine, json=OPEN)).status_code == 409
    assert (await ada.get(mine)).json()["items"][0]["by_staff"] is True
    await admin.put(theirs, json=OPEN)
    assert (await ada.put(mine, json=HALT)).status_code == 200
    assert (await ada.put(mine, json=OPEN)).status_code == 200


async def test_the_switch_over_everything_stops_everybody_and_is_seen_by_all(
    site: Site, ada: Browser, bob: Browser, admin: Browser
) -> None:
    hers, his = await ada.make_account(ready=True), await bob.make_account(ready=True)
    assert (await admin.put("/api/v1/admin/control", json=HALT)).status_code == 200
    for browser, account in ((ada, hers), (bob, his)):
        seen = (await browser.get(f"/api/v1/accounts/{account}/controls")).json()
        assert (seen["effective"], seen["items"][0]["level"]) == ("halted", "platform")
        with pytest.raises(Forbidden):
            await order(site, browser.user_id, account, 1)
    await admin.put(f"/api/v1/admin/users/{bob.user_id}/control", json=HALT)
    await admin.put("/api/v1/admin/control", json=OPEN)
    await order(site, ada.user_id, hers, 2)
    with pytest.raises(Forbidden):
        await order(site, bob.user_id, his, 2)


async def test_one_users_switch_is_not_anothers(ada: Browser, bob: Browser) -> None:
    await ada.put("/api/v1/controls", json=HALT)
    assert (await bob.get("/api/v1/controls")).json() == {"effective": "active", "items": []}
