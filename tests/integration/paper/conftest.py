"""A paper exchange on real sockets, and real clients for it with nothing but their addresses changed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol
from urllib.parse import urlsplit

import ccxt.pro
import pytest

from paper.feed_live import LiveSource
from paper.server import PaperExchange
from paper.settings import PaperSettings


class Address(Protocol):
    @property
    def rest_url(self) -> str: ...
    @property
    def stream_url(self) -> str: ...


Start = Callable[..., Awaitable[PaperExchange]]
Connect = Callable[..., Any]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start(settings: PaperSettings, *, live: LiveSource | None = None) -> PaperExchange:
            exchange = PaperExchange(settings, live=live)
            await exchange.start()
            stack.push_async_callback(exchange.stop)
            return exchange

        yield start


@pytest.fixture
async def exchange(start: Start) -> PaperExchange:
    return await start(PaperSettings(history_minutes=10))


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """A ccxt client (REST and WebSocket) for a paper exchange."""
    async with AsyncExitStack() as stack:

        def connect(exchange: Address, key: dict[str, Any] | None = None) -> Any:
            client = ccxt.pro.binance({"apiKey": key["api_key"], "secret": key["secret"]} if key else {})
            addresses = client.urls["api"]
            for name, address in addresses.items():
                if isinstance(address, str):
                    addresses[name] = exchange.rest_url + urlsplit(address).path
            addresses["ws"]["spot"] = exchange.stream_url + "/ws"
            addresses["ws"]["ws-api"]["spot"] = exchange.stream_url + "/ws-api/v3"
            stack.push_async_callback(client.close)
            return client

        yield connect
