import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from actors import inbox as inbox_module
from actors.inbox import Inbox, InboxFull
from trading.events import BalancesChanged, QuoteChanged, TimePassed
from trading.ids import Symbol
from trading.market import Quote

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def quote(symbol: str, bid: str) -> QuoteChanged:
    price = Decimal(bid)
    return QuoteChanged(
        Quote(symbol=Symbol(symbol), bid=price, ask=price, last=price, at=NOW, received_at=NOW, version=1)
    )


async def take(inbox: Inbox, count: int) -> list[object]:
    return [await inbox.get() for _ in range(count)]


async def test_facts_come_in_order_and_before_quotes() -> None:
    inbox = Inbox()
    first, second = BalancesChanged({}), BalancesChanged({})
    for event in (quote("BTC/USDT", "1"), first, TimePassed(), second):
        inbox.put(event)
    taken = await take(inbox, 4)
    assert taken[0] is first
    assert taken[1] is second
    assert taken[2:] == [quote("BTC/USDT", "1"), TimePassed()]


async def test_a_slow_trader_sees_only_the_latest_quote_of_each_symbol() -> None:
    inbox = Inbox()
    for event in (quote("BTC/USDT", "1"), quote("ETH/USDT", "5"), quote("BTC/USDT", "2"), TimePassed(), TimePassed()):
        inbox.put(event)
    assert await take(inbox, 3) == [quote("BTC/USDT", "2"), quote("ETH/USDT", "5"), TimePassed()]


async def test_an_empty_inbox_is_waited_for() -> None:
    inbox = Inbox()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    assert not waiting.done()
    inbox.put(TimePassed())
    assert await waiting == TimePassed()


async def test_facts_that_nobody_takes_end_the_trader_and_not_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "FACTS_MAX", 2)
    inbox = Inbox()
    inbox.put(BalancesChanged({}))
    inbox.put(BalancesChanged({}))
    with pytest.raises(InboxFull):
        inbox.put(BalancesChanged({}))
