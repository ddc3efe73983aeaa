"""A command over the API reaches the running strategy."""

import msgspec
import pytest
from sqlalchemy import text

from tests.demo_process import DemoProcess, until
from tradefleet.customers import Customer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_mass_close_over_the_api_closes_every_deal(demo: DemoProcess) -> None:
    demo.start("--accounts", "5")
    await demo.until_ready()
    passwords = msgspec.json.decode((demo.directory / "demo" / "customers").read_bytes())
    async with demo.database() as database, Customer(demo.api) as ben:
        await ben.log_in("ben@demo.example", passwords["ben@demo.example"])
        deals = next(account["id"] for account in await ben.accounts() if account["strategy"] == "deals")

        async def has(kind: str) -> bool:
            async with database.transaction() as tx:
                found = text("SELECT EXISTS (SELECT FROM decisions WHERE account_id = :account AND kind LIKE :kind)")
                return bool(await tx.scalar(found, {"account": deals, "kind": kind}))

        await until(lambda: has("deal_opened"), 60)
        given = {"name": "mass_close", "key": "panic-1"}
        first = await ben.send("POST", f"/api/v1/accounts/{deals}/commands", given)
        again = await ben.send("POST", f"/api/v1/accounts/{deals}/commands", given)
        assert (first["repeated"], again["repeated"]) == (False, True)
        await until(lambda: has("command_obeyed"), 30)
