"""A server on loopback that speaks OpenAI's protocol, as well or as badly as a test tells it to."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from confirm.client import Confirmer, Endpoint

KEY = "sk-canary-3f9c"
VERDICT = {"reasoning": "it rises", "action": "LONG", "confidence": 0.9, "risk_level": "low"}

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


def says(content: Any, **choice: Any) -> Reply:
    """A well-formed completion with this content; a dict is the form, filled in."""
    text = json.dumps(content) if isinstance(content, dict) else content

    async def reply(_request: web.Request) -> web.StreamResponse:
        message = {"role": "assistant", "content": text, "refusal": None}
        body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "usage": None}
        return web.json_response(
            body | {"choices": [{"index": 0, "finish_reason": "stop", "message": message} | choice]}
        )

    return reply


@dataclass
class Model:
    url: str = ""
    reply: Reply = field(default_factory=lambda: says(VERDICT))
    asked: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    """Headers and body of every request."""
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((dict(request.headers), await request.json()))
        self.heard.set()
        return await self.reply(request)

    def confirmer(self, timeout_s: float = 5.0) -> Confirmer:
        return Confirmer(Endpoint(base_url=self.url, model="m", api_key=KEY, timeout_s=timeout_s))


@pytest.fixture
async def model() -> AsyncIterator[Model]:
    ours = Model()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", ours.serve)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    ours.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    yield ours
    await runner.cleanup()
