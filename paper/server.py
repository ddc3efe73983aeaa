"""The paper exchange on the wire: one aiohttp server for REST, streams, the WebSocket API and the admin side."""

import asyncio
import contextlib
import hmac
import ipaddress
import logging
import secrets
import signal
import time

import msgspec
from aiohttp import web

from paper.admin import Admin
from paper.crowd import Crowd
from paper.dispatch import Dispatch
from paper.endpoints import Routes
from paper.errors import BadSettings, PaperError, Refused
from paper.facts import Fact, MarketMoved, MinuteClosed, Opened
from paper.feed import Feed
from paper.feed_synthetic import SyntheticFeed
from paper.journal import Journal
from paper.requests import Request, read_query
from paper.rest_account import AccountDesk
from paper.rest_market import MarketDesk
from paper.rest_streams import ListenKeyDesk
from paper.rest_trade import TradeDesk
from paper.rest_wallet import WalletDesk
from paper.settings import PaperSettings
from paper.signing import Doorkeeper
from paper.sockets import StreamSockets
from paper.state import State
from paper.streams import Streams
from paper.user_streams import UserStreams
from paper.venue import Venue
from paper.ws_api import WsApi

log = logging.getLogger(__name__)

_MEMORY_EVERY = 600
_GOING_AWAY = 1001
_FORM = "application/x-www-form-urlencoded"


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class PaperExchange:
    """A venue at an address. `start` returns when it can be traded on; `stop` when it has let go of everything.

    What was acknowledged before `stop`, or before a kill, is there again after the next `start` on the same journal.
    """

    def __init__(self, settings: PaperSettings) -> None:
        self.settings = settings
        self.admin_token = settings.admin_token or secrets.token_urlsafe(24)
        self.port = settings.port
        self.clock = wall_clock_ms
        self._journal = Journal(settings.journal)
        self._state = State(settings.markets)
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.ServerRunner | None = None

    @property
    def rest_url(self) -> str:
        return f"http://{self.settings.host}:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://{self.settings.host}:{self.port}"

    async def start(self) -> None:
        state, journal = self._state, self._journal
        for fact in journal.open():
            state.apply(fact)
        now = self.clock()
        self.venue = Venue(state, self._watch)
        self.users = UserStreams(state)
        self.streams = Streams(self.venue)
        journal.start()
        self._begin(now)
        self.venue.restore()
        self._feed = self._make_feed()
        self._crowds = {symbol: Crowd(self.venue, symbol) for symbol in self.venue.markets}
        doorkeeper = Doorkeeper(state.keys, state.accounts)
        self._dispatch = Dispatch(doorkeeper, self.commit)
        self._admin = Admin(self.venue, self._dispatch.records)
        market, trade, account = MarketDesk(self.venue), TradeDesk(self.venue), AccountDesk(self.venue)
        self._routes: Routes = (
            market.routes()
            | trade.routes()
            | account.routes()
            | WalletDesk(self.venue).routes()
            | ListenKeyDesk(self.users).routes()
        )
        self._sockets = StreamSockets(self.streams, self.users, self.clock)
        self._ws_api = WsApi(
            market.methods() | trade.methods() | account.methods(),
            self.users,
            doorkeeper,
            self._dispatch.call,
            self.clock,
        )
        self.advance(now)
        await self.commit()
        await self._listen()
        if self.settings.feed != "none":
            self._tasks.append(asyncio.create_task(self._run_market(), name="market"))
        self._tasks.append(asyncio.create_task(self._run_pace(), name="pace"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._runner is not None:
            connections = set(self.streams.connections()) | set(self.users.connections())
            await asyncio.gather(*(c.close(_GOING_AWAY) for c in connections), return_exceptions=True)
            await self._runner.cleanup()
            self._runner = None
        await self._journal.close()

    async def commit(self) -> None:
        """Return when everything so far is on disk; then tell those who listen."""
        messages = self.users.take()
        await self._journal.durable()
        for connection, message in messages:
            connection.put(message)
        self.streams.publish()

    def advance(self, now: int) -> None:
        """One step of the feed. Nothing of it is told to anybody before the next `commit`."""
        if self._feed is None:
            return
        state = self._state
        step = state.step + 1
        for symbol, tick in self._feed.step(step).items():
            if not self.venue.markets[symbol].halted:
                self._crowds[symbol].follow(tick, now)
        for symbol, trading in self.venue.markets.items():
            closed = trading.tape.roll(now)
            if closed is not None:
                self.venue.record(MinuteClosed(symbol=symbol, candle=closed))
        moved = {symbol: (state.last_price[symbol], state.next_trade_id[symbol]) for symbol in self.venue.markets}
        memory = self._feed.memory() if step % _MEMORY_EVERY == 0 else ()
        self.venue.record(MarketMoved(step=step, at=now, markets=moved, feed=memory))

    def _watch(self, fact: Fact) -> None:
        self._journal.append(fact)
        self.users.watch(fact)

    def _begin(self, now: int) -> None:
        settings, opened = self.settings, self._state.opened
        if opened is None:
            self.venue.record(Opened(feed=settings.feed, seed=settings.seed, at=now))
        elif (opened.feed, opened.seed) != (settings.feed, settings.seed):
            raise BadSettings(
                f"the journal {settings.journal} belongs to feed {opened.feed} with seed {opened.seed}: "
                "start with these, or choose another journal"
            )

    def _make_feed(self) -> Feed | None:
        settings = self.settings
        if settings.feed == "none":
            return None
        feed = SyntheticFeed(
            settings.markets, seed=settings.seed, steps_per_s=settings.steps_per_s, speed=settings.speed
        )
        remembered_at, memory = self._state.feed_memory
        if memory:
            feed.remember(memory)
        for step in range(remembered_at + 1, self._state.step + 1):
            feed.step(step)
        return feed

    async def _run_market(self) -> None:
        period = 1 / self.settings.steps_per_s
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            due = max(due + period, loop.time() - 1.0)
            await asyncio.sleep(due - loop.time())
            self.advance(self.clock())
            self._journal.write()
            await self.commit()

    async def _run_pace(self) -> None:
        beat = 0
        while True:
            await asyncio.sleep(0.1)
            beat += 1
            self.streams.publish_paced(self.clock(), 100)
            if beat % 10 == 0:
                self.streams.publish_paced(self.clock(), 1000)

    # HTTP

    async def _listen(self) -> None:
        server = web.Server(self._handle, access_log=None)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, self.settings.host, self.port, backlog=1024)
        try:
            await site.start()
        except OSError as problem:
            await runner.cleanup()
            raise BadSettings(
                f"cannot listen on {self.settings.host}:{self.port} ({problem.strerror}); choose another port"
            ) from None
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        endpoint = self._routes.get((request.method, path))
        try:
            if endpoint is not None:
                body = await request.text() if request.can_read_body else ""
                params, signed = read_query(query, body)
                asked = Request(
                    params=params,
                    now=self.clock(),
                    payload=signed,
                    api_key=request.headers.get("X-MBX-APIKEY", ""),
                    address=request.remote or "",
                )
                return _answer(await self._dispatch.call(endpoint, asked, f"{request.method} {path}"))
            if path.startswith("/_paper/"):
                return await self._administer(request, path.removeprefix("/_paper/"), query)
            return await self._open_socket(request, path, query)
        except Refused as refusal:
            return _answer({"code": refusal.code, "msg": refusal.message}, refusal.status)
        except (web.HTTPException, asyncio.CancelledError):
            raise
        except Exception:
            log.exception("a request failed")
            return _answer({"code": -1000, "msg": "An unknown error occurred while processing the request."}, 500)

    async def _open_socket(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return web.Response(status=404, text="Not found")
        if path == "/ws-api/v3":
            return await self._ws_api.serve(request)
        if path == "/ws" or path.startswith("/ws/"):
            return await self._sockets.serve(request, path.removeprefix("/ws"), combined=False)
        if path == "/stream" or path.startswith("/stream/"):
            names = read_query(query)[0].get("streams", "")
            return await self._sockets.serve(request, names, combined=True)
        return web.Response(status=404, text="Not found")

    async def _administer(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        if not _is_local(request.remote):
            return web.Response(status=404, text="Not found")
        sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(sent.encode(), self.admin_token.encode()):
            return _answer({"error": "send the admin token of this run as Authorization: Bearer …"}, 401)
        handler = self._admin.handlers.get((request.method, path))
        if handler is None:
            return _answer({"error": f"there is no {request.method} /_paper/{path}"}, 404)
        try:
            answer = handler(read_query(query)[0], await request.read(), self.clock())
        except PaperError as problem:
            return _answer({"error": str(problem)}, 400)
        await self.commit()
        return _answer(answer)


def _is_local(address: str | None) -> bool:
    return address is not None and ipaddress.ip_address(address).is_loopback


def _answer(body: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


async def serve(settings: PaperSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    exchange = PaperExchange(settings)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await exchange.start()
    try:
        await stopped.wait()
    finally:
        with contextlib.suppress(asyncio.CancelledError):
            await exchange.stop()
