"""Stopping, as an owner does it: what becomes of orders and coins is what was asked for."""

from typing import Any

import msgspec
import pytest

from tests.demo_process import DemoProcess, until
from tradefleet.customers import Customer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_stop_and_sell_leaves_neither_orders_nor_coins(demo: DemoProcess) -> None:
    demo.start("--accounts", "1")
    await demo.until_ready()
    await until(lambda: _is_held(demo), 60)
    passwords = msgspec.json.decode((demo.directory / "demo" / "customers").read_bytes())
    async with Customer(demo.api) as ada:
        await ada.log_in("ada@demo.example", passwords["ada@demo.example"])
        [account] = await ada.accounts()
        await ada.send("POST", f"/api/v1/accounts/{account['id']}/stop", {"mode": "market"})

        async def is_stopped() -> bool:
            [found] = await ada.accounts()
            return bool(found["status"]["state"] == "stopped")

        await until(is_stopped, 30)
        assert await _open_orders(demo) == []
        assert not await _is_held(demo)
        # Started again, it begins anew, with nothing of what was before.
        await ada.send("POST", f"/api/v1/accounts/{account['id']}/start")
        await until(lambda: _is_held(demo), 60)


async def _open_orders(demo: DemoProcess) -> list[Any]:
    orders = (await demo.paper.ask("GET", "/_paper/orders"))["orders"]
    return [order for order in orders if order["status"] in {"NEW", "PARTIALLY_FILLED"}]


async def _is_held(demo: DemoProcess) -> bool:
    accounts = (await demo.paper.ask("GET", "/_paper/accounts"))["accounts"]
    held = {balance["asset"]: float(balance["free"]) for account in accounts for balance in account["balances"]}
    return held.get("BTC", 0) > 0.0001
