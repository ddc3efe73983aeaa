"""Killed with -9 and started again on the same journal, the venue is where it was."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import ccxt
import pytest

from tests.integration.paper.administration import administer, open_account
from tests.integration.paper.processes import ExchangeProcess

pytestmark = pytest.mark.slow

Connect = Callable[..., Any]


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[ExchangeProcess]:
    process = ExchangeProcess(tmp_path / "journal")
    await process.start()
    yield process
    await process.end(signal.SIGKILL)


async def test_every_acknowledged_order_survives_a_kill_in_the_middle_of_trading(
    process: ExchangeProcess, connect: Connect
) -> None:
    key = await open_account(process, USDT="1000000")
    client = connect(process, key)
    client.enableRateLimit = False
    await client.load_markets()
    low = client.price_to_precision("BTC/USDT", (await client.fetch_ticker("BTC/USDT"))["bid"] * 0.5)
    acknowledged: dict[str, str] = {}

    async def trade(number: int) -> None:
        for turn in range(20):
            name = f"n{number}t{turn}"
            kind, price = ("limit", low) if turn % 2 else ("market", None)
            try:
                order = await client.create_order(
                    "BTC/USDT", kind, "buy", 0.001, price, {"clientOrderId": name, "newOrderRespType": "RESULT"}
                )
            except ccxt.NetworkError:
                return
            acknowledged[name] = order["status"]

    async def kill() -> None:
        await asyncio.sleep(0.15)
        await process.end(signal.SIGKILL)

    await asyncio.gather(kill(), *(trade(number) for number in range(4)))
    assert acknowledged
    await process.start()
    for name, status in acknowledged.items():
        assert (await client.fetch_order(None, "BTC/USDT", {"origClientOrderId": name}))["status"] == status
    truth = (await administer(process, "GET", "totals"))["BTC"]
    assert sum(float(truth[kind]) for kind in ("accounts", "fees", "house")) == pytest.approx(0, abs=1e-9)


async def test_the_market_goes_on_from_where_it_was(process: ExchangeProcess, connect: Connect) -> None:
    client = connect(process, await open_account(process, USDT="1000000"))
    await client.load_markets()
    before: set[str] = set()
    for _ in range(3):
        before |= {trade["id"] for trade in await client.fetch_trades("BTC/USDT")}
        await asyncio.sleep(0.3)
    mine = await client.create_order("BTC/USDT", "market", "buy", 0.01)
    last = (await client.fetch_ticker("BTC/USDT"))["last"]
    await process.end(signal.SIGKILL)
    await process.start()
    after = await client.fetch_trades("BTC/USDT")
    assert not before & {trade["id"] for trade in after}
    assert (await client.fetch_ticker("BTC/USDT"))["last"] == pytest.approx(last, rel=0.005)
    trades = await client.fetch_my_trades("BTC/USDT")
    assert [trade["order"] for trade in trades] == [mine["id"]] * len(trades)
    assert trades


async def test_its_clients_reconnect(process: ExchangeProcess, connect: Connect) -> None:
    client = connect(process, await open_account(process, USDT="1000000"))
    await client.load_markets()
    await client.watch_bids_asks(["BTC/USDT"])
    await process.end(signal.SIGKILL)
    await process.start()
    watching = client.watch_bids_asks(["BTC/USDT"])
    try:
        quotes = await asyncio.wait_for(watching, 5)
    except ccxt.NetworkError:
        # Whoever was waiting is told, and asks again.
        quotes = await asyncio.wait_for(client.watch_bids_asks(["BTC/USDT"]), 5)
    assert quotes


async def test_sigterm_ends_it_promptly_and_quietly_though_clients_are_there(
    process: ExchangeProcess, connect: Connect
) -> None:
    client = connect(process)
    await client.load_markets()
    await client.watch_bids_asks(["BTC/USDT"])
    began = time.monotonic()
    said = await process.end(signal.SIGTERM)
    assert time.monotonic() - began < 2
    assert said == b""
