"""All accounts of an address pass through one line: what one is told, the others obey."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from aiohttp import web

from exchanges.breaker import FAILURES_MAX
from exchanges.errors import OrderRefused, RateLimited, VenueError, VenueUnreachable
from exchanges.limits import Limit
from exchanges.port import Account, ApiKey
from exchanges.venues import Venue
from trading.ids import ClientOrderId, RunId, Slot, Symbol
from trading.orders import ApprovedOrder, OrderKind, Purpose, Side

BTC_USDT = Symbol("BTC/USDT")
NAME = ClientOrderId("tfabcdefghijklmnopqrstuvwxyz2345")
AN_ENTRY = ApprovedOrder(
    client_order_id=NAME,
    run=RunId("run"),
    slot=Slot("B:1"),
    cycle=1,
    attempt=1,
    symbol=BTC_USDT,
    side=Side.BUY,
    kind=OrderKind.LIMIT,
    quantity=Decimal("0.00042"),
    price=Decimal("61204.1"),
    purpose=Purpose.ENTRY,
    reason="dip",
)
AN_EXIT = msgspec.structs.replace(AN_ENTRY, purpose=Purpose.EXIT)


@pytest.fixture
async def neighbour(venue: Venue) -> Account:
    return await venue.account(ApiKey("neighbour", "secret"))


def sent(scripted: Any) -> list[str]:
    return [f"{each.method} {each.path.removeprefix('/api/v3')}" for each in scripted.received]


async def test_when_one_is_told_to_stop_all_stop(
    scripted: Any, venue: Venue, account: Account, neighbour: Account, recorded: Any
) -> None:
    scripted.answer("GET /account", {"code": -1003, "msg": "Slow down."}, status=429, headers={"Retry-After": "1"})
    with pytest.raises(RateLimited):
        await account.balances()
    scripted.received.clear()
    scripted.answer("DELETE /order", recorded("orders_queried")[3])
    asking = asyncio.create_task(neighbour.cancel(BTC_USDT, NAME))
    await asyncio.sleep(0.1)
    assert sent(scripted) == []
    venue._line.budget._paused_until = 0.0
    await asking
    assert sent(scripted) == ["DELETE /order"]


async def test_too_many_orders_of_one_account_stop_its_orders_alone(
    scripted: Any, account: Account, neighbour: Account, recorded: Any
) -> None:
    scripted.answer("POST /order", {"code": -1015, "msg": "Too many new orders."}, status=429)
    with pytest.raises(RateLimited):
        await account.place(AN_ENTRY, datetime.now(UTC))
    scripted.answer("POST /order", recorded("order_placed"))
    scripted.answer("DELETE /order", recorded("orders_queried")[3])
    await neighbour.place(AN_ENTRY, datetime.now(UTC))
    await account.cancel(BTC_USDT, NAME)
    with pytest.raises(RateLimited, match="not sent"):
        await account.place(AN_EXIT, datetime.now(UTC) - timedelta(milliseconds=2_900))
    assert sent(scripted).count("POST /order") == 2


async def test_an_order_that_waited_past_its_window_is_not_sent(scripted: Any, account: Account, recorded: Any) -> None:
    scripted.answer("POST /order", recorded("order_placed"))
    with pytest.raises(OrderRefused, match="not sent"):
        await account.place(AN_ENTRY, datetime.now(UTC) - timedelta(milliseconds=3_001))
    assert "POST /order" not in sent(scripted)


async def test_the_venues_own_count_and_limits_are_believed(
    scripted: Any, venue: Venue, account: Account, recorded: Any
) -> None:
    scripted.answer(
        "GET /account", recorded("account"), headers={"X-MBX-USED-WEIGHT-1M": "5300", "X-MBX-USED-WEIGHT": "5300"}
    )
    await account.balances()
    used = venue._line.budget.used(asyncio.get_running_loop().time())
    assert used[Limit("weight", 6_000, 60.0)] == 5_300
    assert {limit.counted: limit.amount for limit in used} == {"weight": 6_000, "requests": 61_000}


async def test_an_exhausted_budget_still_lets_a_cancellation_out(
    scripted: Any, venue: Venue, account: Account, neighbour: Account, recorded: Any
) -> None:
    venue._line.budget.correct(5_300, 60.0, asyncio.get_running_loop().time())
    scripted.answer("DELETE /order", recorded("orders_queried")[3])
    scripted.answer("POST /order", recorded("order_placed"))
    reading = [asyncio.create_task(neighbour.balances()) for _ in range(20)]
    with pytest.raises(RateLimited, match="not sent"):
        await account.place(AN_ENTRY, datetime.now(UTC) - timedelta(milliseconds=2_950))
    await account.place(AN_EXIT, datetime.now(UTC))
    await account.cancel(BTC_USDT, NAME)
    assert [each for each in sent(scripted) if "order" in each] == ["POST /order", "DELETE /order"]
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    assert set(venue._line.budget.waiting().values()) == {0}


async def test_a_venue_that_does_not_answer_is_left_alone_but_for_the_ways_out(
    scripted: Any, account: Account, neighbour: Account, recorded: Any
) -> None:
    async def fail(_: web.Request) -> web.StreamResponse:
        return web.Response(status=502)

    scripted.answers["POST /order"] = fail
    for _ in range(FAILURES_MAX):
        with pytest.raises(VenueError):
            await account.place(AN_ENTRY, datetime.now(UTC))
    scripted.received.clear()
    with pytest.raises(VenueUnreachable, match="left alone"):
        await neighbour.place(AN_ENTRY, datetime.now(UTC))
    assert sent(scripted) == []
    scripted.answer("DELETE /order", recorded("orders_queried")[3])
    await neighbour.cancel(BTC_USDT, NAME)
    scripted.answer("POST /order", recorded("order_placed"))
    await neighbour.place(AN_ENTRY, datetime.now(UTC))
