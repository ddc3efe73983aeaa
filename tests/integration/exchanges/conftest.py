import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from exchanges.port import Account, ApiKey, VenueAddress
from exchanges.venues import Venue

RECORDED = Path(__file__).parents[2] / "fixtures" / "exchanges" / "binance"
KEY = ApiKey("canarykey" + "k" * 55, "canarysecret" + "s" * 52)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Received:
    method: str
    path: str
    params: dict[str, str]
    text: str
    cookies: dict[str, str]


@dataclass
class ScriptedVenue:
    """A venue that answers each path as it was told to, and remembers what it was asked."""

    answers: dict[str, Answer] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    port: int = 0
    stop: Callable[[], Awaitable[None]] = field(init=False)

    def answer(self, request: str, payload: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> None:
        async def respond(_: web.Request) -> web.StreamResponse:
            return web.json_response(payload, status=status, headers=headers)

        self.answers[request] = respond

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.text()
        params = dict(parse_qsl(request.query_string)) | dict(parse_qsl(body))
        self.received.append(
            Received(request.method, request.path, params, request.query_string + body, dict(request.cookies))
        )
        path = request.path.rsplit("/api/v3", 1)[-1]
        return await self.answers[f"{request.method} {path}"](request)

    @property
    def address(self) -> VenueAddress:
        return VenueAddress(
            name="scripted",
            ccxt_id="binance",
            rest_url=f"http://127.0.0.1:{self.port}",
            stream_url=f"ws://127.0.0.1:{self.port}",
        )


@pytest.fixture
def recorded() -> Callable[[str], Any]:
    def read(name: str) -> Any:
        return json.loads((RECORDED / f"{name}.json").read_text())

    return read


@pytest.fixture
async def scripted(recorded: Callable[[str], Any]) -> AsyncIterator[ScriptedVenue]:
    venue = ScriptedVenue()

    async def tell_time(_: web.Request) -> web.StreamResponse:
        return web.json_response({"serverTime": time.time_ns() // 1_000_000})

    venue.answer("GET /exchangeInfo", recorded("exchange_info"))
    venue.answers["GET /time"] = tell_time
    server = web.AppRunner(web.Application(), handler_cancellation=True)
    server.app.router.add_route("*", "/{path:.*}", venue.handle)
    await server.setup()
    site = web.TCPSite(server, "127.0.0.1", 0, shutdown_timeout=0)
    await site.start()
    venue.port = server.addresses[0][1]
    venue.stop = server.cleanup
    yield venue
    await server.cleanup()


@pytest.fixture
async def venue(scripted: ScriptedVenue) -> AsyncIterator[Venue]:
    venue = Venue(scripted.address, request_timeout_ms=200)
    yield venue
    await venue.close()


@pytest.fixture
async def account(venue: Venue) -> Account:
    return await venue.account(KEY)
