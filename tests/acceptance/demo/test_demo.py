"""What the README promises of `make demo`."""

import asyncio

import aiohttp
import pytest

from tests.demo_process import DemoProcess, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROMISED = {
    "accounts",
    "running",
    "orders_sent",
    "fills",
    "fills_in_hypertable",
    "timescaledb",
    "startup_s",
    "ticks",
    "errors",
}


async def test_a_demo_trades_says_what_it_did_and_leaves_nothing_behind(demo: DemoProcess) -> None:
    demo.start("--accounts", "3", "--for", "20")
    await demo.until_ready()
    demo.descendants()
    assert await demo.until_ended() == 0, demo.said
    result = demo.result
    assert set(result) == PROMISED
    assert result["accounts"] == result["running"] == 3
    assert result["fills"] == result["fills_in_hypertable"] > 0
    assert result["orders_sent"] >= result["fills"] / 2
    assert result["ticks"] > 0
    assert result["errors"] == 0
    assert demo.leftovers() == []


async def test_the_link_that_a_demo_prints_signs_in_once(demo: DemoProcess) -> None:
    demo.start("--accounts", "1")
    await demo.until_ready()
    link = next(word for word in demo.said.split() if "/enter/" in word)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(link) as page:
            assert page.status == 200
        async with browser.get(f"{demo.api}/api/v1/me") as answer:
            assert (await answer.json())["email"] == "ada@demo.example"
        async with browser.get(f"{demo.api}/api/v1/accounts") as answer:
            assert [account["status"]["state"] for account in (await answer.json())["items"]] == ["running"]
    async with aiohttp.ClientSession() as another, another.get(link) as page:
        assert page.status == 404


async def test_ctrl_c_ends_a_demo_in_order_at_any_moment(demo: DemoProcess) -> None:
    demo.start("--accounts", "1")
    await until(lambda: "✓ venue" in demo.said, 60, lambda: demo.said)
    demo.descendants()
    demo.interrupt()
    assert await demo.until_ended() == 130
    assert "Traceback" not in demo.said
    assert demo.leftovers() == []


async def test_a_demo_killed_outright_takes_its_processes_with_it_and_the_next_one_carries_on(
    demo: DemoProcess,
) -> None:
    demo.start("--accounts", "2")
    await demo.until_ready()
    await until(lambda: _has_fills(demo), 60)
    demo.descendants()
    demo.end()
    await until(lambda: not demo.leftovers(), 20, lambda: str(demo.leftovers()))
    demo.start("--accounts", "2", "--for", "5")
    await demo.until_ready()
    assert await demo.until_ended() == 0, demo.said
    assert demo.result["fills"] == demo.result["fills_in_hypertable"] > 0


async def test_a_second_demo_on_the_same_data_is_told_so(demo: DemoProcess) -> None:
    demo.start("--accounts", "1")
    await until(lambda: "✓ database" in demo.said, 60, lambda: demo.said)
    second = DemoProcess(demo.directory, demo.cache)
    second.rename_output("second")
    second.start("--accounts", "1")
    assert await second.until_ended() == 2
    assert "a demo already runs" in second.said
    assert "Traceback" not in second.said


async def _has_fills(demo: DemoProcess) -> bool:
    return bool(await demo.paper.trades())


async def test_a_taken_port_is_named_with_its_setting(demo: DemoProcess) -> None:
    blocker = await asyncio.start_server(lambda *_: None, "127.0.0.1", demo.api_port)
    async with blocker:
        demo.start("--accounts", "1")
        assert await demo.until_ended() == 2
    assert f"port {demo.api_port} on 127.0.0.1 cannot be used" in demo.said
    assert "TRADEFLEET_API_PORT" in demo.said
    assert "Traceback" not in demo.said
