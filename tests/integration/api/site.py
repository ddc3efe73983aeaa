"""The API over real HTTP and the real database: uvicorn in this process, on a free port of 127.0.0.1."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Self

import httpx2
import uvicorn
from argon2 import PasswordHasher
from sqlalchemy import select

from api.app import create_app
from api.identity.service import create_user
from api.live.feed import Feed
from api.settings import ApiSettings, Venue
from security.envelope import Binding, KeyRing
from security.passwords import Passwords
from storage import credentials
from storage.database import Database, Role
from storage.notifications import EVENTS, listen
from storage.tables import Account
from trading.ids import AccountId, UserId

PASSWORD = "a password that is long"
PAPER = Venue(name="paper", modes=("paper", "testnet"))
SETTINGS = ApiSettings(venues=(PAPER,), secure_cookies=False)
# Cheap on purpose: what argon2id costs is tested where it is used.
CHEAP = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
NAIVE: dict[str, Any] = {
    "strategy": "naive",
    "params": {
        "symbol": "BTC/USDT",
        "dip_pct": "0.5",
        "target_pct": "0.6",
        "stop_pct": "5",
        "budget_per_round": "50",
        "budget": "200",
    },
}


class Browser:
    """A client with cookies, that sends the CSRF token as the page does."""

    def __init__(self, http: httpx2.AsyncClient, email: str, user_id: str = "") -> None:
        self.http = http
        self.email = email
        self.user_id = user_id

    async def sign_in(self, password: str = PASSWORD) -> Self:
        answer = await self.post("/api/v1/auth/login", json={"email": self.email, "password": password})
        assert answer.status_code == 200, answer.text
        self.http.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
        self.user_id = answer.json()["id"]
        return self

    async def get(self, path: str, **kwargs: Any) -> httpx2.Response:
        return await self.http.get(path, **kwargs)

    async def post(self, path: str, **kwargs: Any) -> httpx2.Response:
        return await self.http.post(path, **kwargs)

    async def put(self, path: str, **kwargs: Any) -> httpx2.Response:
        return await self.http.put(path, **kwargs)

    async def patch(self, path: str, **kwargs: Any) -> httpx2.Response:
        return await self.http.patch(path, **kwargs)

    async def delete(self, path: str, **kwargs: Any) -> httpx2.Response:
        return await self.http.delete(path, **kwargs)

    async def make_account(self, name: str = "First", *, ready: bool = False) -> str:
        answer = await self.post("/api/v1/accounts", json={"name": name, "venue": "paper"})
        assert answer.status_code == 201, answer.text
        account: str = answer.json()["id"]
        if ready:
            keys = {"key": "exchange-key-0001", "secret": "exchange-secret-0001"}
            assert (await self.put(f"/api/v1/accounts/{account}/credentials", json=keys)).status_code == 200
            assert (await self.put(f"/api/v1/accounts/{account}/config", json=NAIVE)).status_code == 200
        return account


class Site:
    """The running API, and everything that a test needs to reach behind it."""

    def __init__(self, database_url: str) -> None:
        self.url = ""
        self.database_url = database_url
        self.database, self.fleet, self.owner = (
            Database(database_url, role) for role in (Role.API, Role.FLEET, Role.OWNER)
        )
        self.key_ring = KeyRing.generate("test")
        self.passwords = Passwords(CHEAP)
        self.feed: Feed
        self._clients: list[httpx2.AsyncClient] = []

    def browser(self, email: str = "nobody@example.com", **headers: str) -> Browser:
        http = httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=20, trust_env=False)
        self._clients.append(http)
        return Browser(http, email)

    async def add_user(self, email: str, role: str = "user") -> UserId:
        database = self.database if role == "user" else self.owner
        user = await create_user(database, self.passwords, email, PASSWORD, role=role)
        assert user is not None
        return user

    async def sign_in(self, email: str, role: str = "user") -> Browser:
        """A new user with a signed-in browser."""
        await self.add_user(email, role)
        return await self.browser(email).sign_in()

    async def open_credential(self, account: str) -> bytes:
        """As the gateway does it."""
        async with self.fleet.transaction() as tx:
            sealed = await credentials.read(tx, AccountId(account))
            owner, venue = (await tx.execute(select(Account.user_id, Account.venue))).one()
        return self.key_ring.open(sealed, Binding(user=owner, account=account, venue=venue))

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
        for database in (self.database, self.fleet, self.owner):
            await database.close()


@asynccontextmanager
async def serve(database_url: str, settings: ApiSettings = SETTINGS) -> AsyncIterator[Site]:
    site = Site(database_url)
    app = create_app(
        settings, site.database, site.key_ring, passwords=site.passwords, hear=partial(listen, database_url, EVENTS)
    )
    site.feed = app.state.feed
    listening = socket.create_server(("127.0.0.1", 0))
    site.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=2))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        # The socket listens already: who connects before the server is up simply waits.
        yield site
    finally:
        server.should_exit = True
        await serving
        await site.close()
