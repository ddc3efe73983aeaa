"""The way in: one `Venue` for all that talks to one venue from this process, its accounts and its public side."""

import asyncio
import hashlib
import ssl
import time
from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

import aiohttp

from exchanges.account import CcxtAccount
from exchanges.calling import ask
from exchanges.client import PING_INTERVAL_MS, client_class
from exchanges.clock import measure_offset_ms
from exchanges.line import AccountLine, VenueLine
from exchanges.port import Account, ApiKey, PublicMarket, VenueAddress
from exchanges.public import CcxtMarket
from exchanges.quirks import quirks_of

RECEIVE_WINDOW_MS = 3_000
REQUEST_TIMEOUT_MS = 10_000
MARKETS_AGE_MAX_S = 3_600.0


class Venue:
    """One session, one set of connections and one copy of the markets, for any number of accounts.

    Nothing is sent before it is needed. `close` ends what was opened here, accounts included.
    """

    def __init__(
        self,
        address: VenueAddress,
        *,
        receive_window_ms: int = RECEIVE_WINDOW_MS,
        request_timeout_ms: int = REQUEST_TIMEOUT_MS,
    ) -> None:
        self.address = address
        self._receive_window_ms = receive_window_ms
        self._request_timeout_ms = request_timeout_ms
        self._quirks = quirks_of(address.ccxt_id)
        self._line = VenueLine(self._quirks.limits, self._quirks.weight_per_cost)
        self._client: Any = None
        self._accounts: WeakSet[Any] = WeakSet()
        self._session: aiohttp.ClientSession | None = None
        self._loading = asyncio.Lock()
        self._loaded_at: float | None = None

    async def account(self, key: ApiKey, *, tenant: str | None = None) -> Account:
        """`tenant`: whose share of the request budget it uses. None: a share of its own."""
        await self._prepare()
        name = hashlib.sha256(key.key.encode()).hexdigest()[:16]  # names it without telling it
        line = AccountLine(self._line, tenant=tenant or name, account=name)
        client = self._client.copy_with(apiKey=key.key, secret=key.secret, line=line)
        self._accounts.add(client)
        return CcxtAccount(client, self._quirks)

    async def public(self, *, closes_venue: bool = False) -> PublicMarket:
        """The venue's public side. Closing it closes the venue only if that is asked for here."""
        return CcxtMarket(self._open(), self._prepare, self.close if closes_venue else None)

    async def close(self) -> None:
        for client in (*self._accounts, self._client):
            if client is not None:
                await client.close()
        if self._session is not None:
            await self._session.close()
        self._client = self._session = self._loaded_at = None

    async def _prepare(self) -> None:
        async with self._loading:
            now = time.monotonic()
            if self._loaded_at is None or now - self._loaded_at > MARKETS_AGE_MAX_S:
                client = self._open()
                await ask(client.load_markets(reload=True))
                await measure_offset_ms(client)
                for account in self._accounts:
                    account.set_markets_from_exchange(client)
                self._loaded_at = now

    def _open(self) -> Any:
        if self._client is None:
            self._client = client_class(self.address.ccxt_id)(self._settings())
            tls = ssl.create_default_context(cafile=self._client.cafile)
            # No limit: every account's user stream holds a connection. No cookies: the accounts share it.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=tls, limit=0), cookie_jar=aiohttp.DummyCookieJar()
            )
            self._client.session, self._client.ssl_context = self._session, tls
            self._client.line = AccountLine(self._line, tenant="", account="")
            self._point_to_address()
        return self._client

    def _settings(self) -> dict[str, Any]:
        return {
            "session": None,  # named here, so that ccxt does not make one
            "timeout": self._request_timeout_ms,
            "streaming": {"keepAlive": PING_INTERVAL_MS},
            "options": {
                **self._quirks.options,
                "recvWindow": self._receive_window_ms,
                # Compression keeps two windows of 32 KB a connection, and there is a connection an account.
                "ws": {"compress": 0},
            },
        }

    def _point_to_address(self) -> None:
        if self.address.sandbox:
            self._client.set_sandbox_mode(True)
        urls = self._client.urls["api"]
        self._client.urls = {**self._client.urls, "api": _redirected(urls, self.address)}


def _redirected(url: Any, address: VenueAddress) -> Any:
    """All of an exchange's addresses, however ccxt nests them, moved to another host. Their paths stay."""
    if isinstance(url, Mapping):
        return {name: _redirected(each, address) for name, each in url.items()}
    scheme, _, rest = url.partition("://")
    base = address.stream_url if scheme in {"ws", "wss"} else address.rest_url
    if base is None:
        return url
    _, slash, path = rest.partition("/")
    return base.rstrip("/") + slash + path


async def open_public(address: VenueAddress) -> PublicMarket:
    """The public side of a venue by itself. Closing it closes all that was opened."""
    return await Venue(address).public(closes_venue=True)
