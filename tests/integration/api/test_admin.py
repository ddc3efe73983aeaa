"""Staff over all tenants: support reads and is written down, admins act and say why."""

import pytest

from tests.integration.api.site import Browser, Site

WHY = {"reason": "the customer asked by phone"}


@pytest.fixture
async def support(site: Site) -> Browser:
    return await site.sign_in("help@example.com", "support")


async def test_an_admin_sees_the_accounts_of_all_with_filters(ada: Browser, bob: Browser, admin: Browser) -> None:
    hers, his = await ada.make_account(ready=True), await bob.make_account()
    await ada.post(f"/api/v1/accounts/{hers}/start")
    listed = (await admin.get("/api/v1/admin/accounts")).json()["items"]
    assert [(entry["account"]["id"], entry["user_id"]) for entry in listed] == [(his, bob.user_id), (hers, ada.user_id)]
    for query, expected in (
        (f"user_id={bob.user_id}", [his]),
        ("desired_state=running", [hers]),
        ("venue=nowhere", []),
        ("mode=paper", [his, hers]),
        ("status=quarantined", []),
    ):
        found = (await admin.get(f"/api/v1/admin/accounts?{query}")).json()["items"]
        assert [entry["account"]["id"] for entry in found] == expected, query


async def test_an_admin_starts_and_stops_any_account_for_a_reason(ada: Browser, admin: Browser) -> None:
    account = await ada.make_account(ready=True)
    path = f"/api/v1/admin/accounts/{account}"
    assert (await admin.post(f"{path}/start", json={})).status_code == 400
    started = await admin.post(f"{path}/start", json=WHY)
    assert (started.status_code, started.json()["account"]["desired_state"]) == (202, "running")
    assert (await ada.get(f"/api/v1/accounts/{account}")).json()["desired_state"] == "running"
    assert (await admin.post(f"{path}/start", json=WHY)).status_code == 409
    await admin.post(f"{path}/pause", json=WHY)
    await admin.post(f"{path}/resume", json=WHY)
    assert (await admin.post(f"{path}/stop", json=WHY)).json()["account"]["desired_state"] == "stopped"
    audit = (await admin.get(f"/api/v1/admin/audit?subject={account}")).json()
    commands = [entry for entry in audit if entry["actor_id"] == admin.user_id]
    assert [entry["action"].removeprefix("account.") for entry in commands] == ["stop", "resume", "pause", "start"]
    assert all(entry["detail"] == {"role": "admin", **WHY} for entry in commands)


async def test_support_reads_and_is_written_down_and_changes_nothing(
    ada: Browser, support: Browser, admin: Browser
) -> None:
    account = await ada.make_account(ready=True)
    assert (await support.get(f"/api/v1/admin/accounts/{account}")).status_code == 200
    refused = await support.post(f"/api/v1/admin/accounts/{account}/start", json=WHY)
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    audit = (await admin.get(f"/api/v1/admin/audit?subject={account}")).json()
    assert ("staff.read", support.user_id) in [(entry["action"], entry["actor_id"]) for entry in audit]


async def test_a_user_learns_only_that_a_role_is_missing(ada: Browser) -> None:
    for path in ("accounts", "users", "audit", "audit/chain", "accounts/acc_none"):
        answer = await ada.get(f"/api/v1/admin/{path}")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_an_admins_own_token_needs_the_scope_too(site: Site, admin: Browser) -> None:
    plain = (await admin.post("/api/v1/tokens", json={"name": "x"})).json()["secret"]
    staff = (await admin.post("/api/v1/tokens", json={"name": "y", "scopes": ["admin"]})).json()["secret"]
    assert (await site.browser(Authorization=f"Bearer {plain}").get("/api/v1/admin/users")).status_code == 403
    assert (await site.browser(Authorization=f"Bearer {staff}").get("/api/v1/admin/users")).status_code == 200


async def test_an_admin_reaches_nobodys_account_by_the_owners_routes(ada: Browser, admin: Browser) -> None:
    account = await ada.make_account()
    assert (await admin.get(f"/api/v1/accounts/{account}")).status_code == 404
    assert (await admin.get(f"/api/v1/accounts/{account}/fills")).status_code == 404


async def test_nobody_shuts_themselves_out(admin: Browser) -> None:
    answer = await admin.post(f"/api/v1/admin/users/{admin.user_id}/disable", json=WHY)
    assert answer.status_code == 409


async def test_the_chain_shows_an_altered_row_and_a_missing_one(site: Site, ada: Browser, admin: Browser) -> None:
    for number in range(4):
        await ada.make_account(f"Account {number}")
    assert (await admin.get("/api/v1/admin/audit/chain")).json() == {"whole": True, "first_broken_id": None}
    rows = (await admin.get("/api/v1/admin/audit?limit=3")).json()
    altered, gone = rows[0]["id"], rows[2]["id"]
    async with site.owner.transaction() as tx:
        await tx.exec_driver_sql(f"UPDATE audit_log SET detail = '{{}}' WHERE id = {altered}")
    assert (await admin.get("/api/v1/admin/audit/chain")).json()["first_broken_id"] == altered
    async with site.owner.transaction() as tx:
        await tx.exec_driver_sql(f"DELETE FROM audit_log WHERE id = {gone}")
    assert (await admin.get("/api/v1/admin/audit/chain")).json()["first_broken_id"] == rows[1]["id"]


async def test_the_audit_log_cannot_be_changed_in_the_apis_role(site: Site, ada: Browser) -> None:
    for statement in ("UPDATE audit_log SET detail = '{}'", "DELETE FROM audit_log"):
        with pytest.raises(Exception, match="permission denied"):
            async with site.database.transaction(admin=True) as tx:
                await tx.exec_driver_sql(statement)
