"""Serves the web API in this process."""

import asyncio
import importlib.metadata
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import structlog
import uvicorn

from api.app import create_app
from api.live.feed import Feed
from api.settings import ApiSettings, Venue
from exchanges.port import VenueAddress
from security.envelope import KeyRing
from storage.database import Database, Role
from storage.errors import DatabaseNotMigrated
from storage.migrate import current, newest
from storage.notifications import EVENTS, listen
from tradefleet.database import shared_database_url
from tradefleet.logs import set_up_logs
from tradefleet.master_keys import with_master_keys
from tradefleet.settings import Settings, SettingsError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
STOP_TIMEOUT_S = 5

log = structlog.get_logger("api")


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, feed: Feed) -> None:
        super().__init__(config)
        self._feed = feed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams end only when they are told to, and the server waits for them."""
        self._feed.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Not uvicorn's way, which raises the signal again when it has stopped, before the database is let go of."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def serve_api(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are answered first."""
    url = shared_database_url(settings)
    settings = with_master_keys(settings)
    if current(url) != newest():
        raise DatabaseNotMigrated("the database's schema is not the one that this version needs: tradefleet migrate")
    set_up_logs(settings)
    with closing(_listen(settings)) as listener:
        asyncio.run(_serve(settings, url, listener))


async def _serve(settings: Settings, url: str, listener: socket.socket) -> None:
    assert settings.master_keys is not None
    database = Database(url, Role.API)
    try:
        key_ring = KeyRing.parse(settings.master_keys.get_secret_value())
        app = create_app(api_settings(settings), database, key_ring, hear=partial(listen, url, EVENTS))
        config = uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=STOP_TIMEOUT_S
        )
        host, port = listener.getsockname()[:2]
        log.info("listening", host=host, port=port)
        await _Server(config, app.state.feed).serve([listener])
    finally:
        await database.close()


def api_settings(settings: Settings) -> ApiSettings:
    return ApiSettings(
        venues=tuple(Venue(name=venue.name, modes=(mode_of(venue),)) for venue in settings.venues),
        version=importlib.metadata.version("tradefleet"),
        registration_open=settings.registration == "open",
        # Beyond loopback there is a TLS proxy before us, and a cookie must not travel without it.
        secure_cookies=settings.api_host not in LOOPBACK,
    )


def mode_of(venue: VenueAddress) -> str:
    """Whose money it is. An exchange at an address that was given to us is a paper exchange."""
    if venue.sandbox:
        return "testnet"
    return "paper" if venue.rest_url is not None else "live"


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.api_host, settings.api_port
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(
            f"port {port} on {host} cannot be used ({os.strerror(error.errno or 0)}): stop what holds it, "
            "or choose another with TRADEFLEET_API_PORT"
        ) from None
