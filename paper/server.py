"""The paper exchange on the wire: one aiohttp server for REST, streams, the WebSocket API and the admin side."""

import asyncio
import secrets
import signal
import time
from collections.abc import Callable
from pathlib import Path

from aiohttp import web

from paper.admin import Admin
from paper.connections import Connections
from paper.crowd import Crowd
from paper.delivery import Delivery
from paper.dispatch import Dispatch
from paper.endpoints import Methods, Routes
from paper.errors import BadSettings
from paper.facts import Fact, MarketMoved, Opened, OrderEnded, Traded
from paper.faults import Fault, FaultKind, Faults, read_faults
from paper.feed import Feed
from paper.feed_live import LiveFeed, LiveSource
from paper.feed_replay import ReplayFeed
from paper.feed_synthetic import SyntheticFeed
from paper.front import Front
from paper.journal import Journal
from paper.limits import Limiter
from paper.orders import Order, Status
from paper.recordings import read_recording
from paper.rest_account import AccountDesk
from paper.rest_lists import ListDesk
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

_MEMORY_EVERY = 600
_PACE_S = 0.1
_GOING_AWAY = 1001


def wall_clock_ms() -> int:
    return time.time_ns() // 1_000_000


class PaperExchange:
    """A venue at an address. `start` returns when it can be traded on; `stop` when it has let go of everything.

    What was acknowledged before `stop`, or before a kill, is there again after the next `start` on the same journal.
    """

    def __init__(
        self,
        settings: PaperSettings,
        *,
        live: LiveSource | None = None,
        true_clock: Callable[[], int] = wall_clock_ms,
    ) -> None:
        if (settings.feed == "live") != (live is not None):
            raise BadSettings("feed live needs a venue to follow, and no other feed takes one")
        self.settings = settings
        self._live = live
        self.admin_token = settings.admin_token or secrets.token_urlsafe(24)
        self.port = settings.port
        self._true_clock = true_clock
        self._skew_ms = 0
        self._journal = Journal(settings.journal)
        self._state = State(settings.markets)
        self.venue = Venue(self._state, self._watch)
        self.connections = Connections()
        self.users = UserStreams(self._state)
        self.streams = Streams(self.venue)
        self.faults = Faults(settings.seed)
        self._limiter = Limiter(settings.limits)
        self._delivery = Delivery(self.faults, true_clock)
        self._crowds = {symbol: Crowd(self.venue, symbol) for symbol in self.venue.pits}
        self._feed = self._make_feed()
        self._front = self._make_front()
        self._tasks: list[asyncio.Task[None]] = []
        self._runner: web.ServerRunner | None = None

    @property
    def rest_url(self) -> str:
        return f"http://{self.settings.host}:{self.port}"

    @property
    def stream_url(self) -> str:
        return f"ws://{self.settings.host}:{self.port}"

    def clock(self) -> int:
        """The venue's time in milliseconds: the true one, unless a fault says otherwise."""
        return self._true_clock() + self._skew_ms

    async def start(self) -> None:
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        for fact in self._journal.open():
            if isinstance(fact, Opened):
                self._check(fact)
            self._state.apply(fact)
        self._journal.start()
        self._begin()
        self.venue.restore()
        if self._feed is not None:
            remembered_at, memory = self._state.feed_memory
            self._feed.resume(self._state.step, memory=memory, remembered_at=remembered_at)
        if self.settings.faults is not None:
            self.faults.add(_read_script(self.settings.faults), self._true_clock())
        self.advance(self.clock())
        await self.commit()
        await self._listen()
        for name, loop in (("market", self._run_market()), ("pace", self._run_pace())):
            self._tasks.append(asyncio.create_task(loop, name=f"paper {name}"))
        if isinstance(self._feed, LiveFeed):
            self._tasks.append(asyncio.create_task(self._feed.run(), name="paper live quotes"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        if self._runner is not None:
            await asyncio.gather(*(c.close(_GOING_AWAY) for c in self.connections), return_exceptions=True)
            await self._runner.cleanup()
            self._runner = None
        await self._journal.close()

    async def commit(self) -> None:
        """Return when everything so far is on disk; then tell those who listen."""
        messages = self.users.take()
        await self._journal.durable()
        if messages:
            self._delivery.deliver(messages)
        self.streams.publish()

    def advance(self, now: int) -> None:
        """One step of the feed. Nothing of it is told to anybody before the next `commit`."""
        state = self._state
        if self._feed is not None:
            step = state.step + 1
            ticks = self._feed.step(step)
            for symbol, crowd in self._crowds.items():
                if not self.venue.pits[symbol].halted:
                    crowd.follow(ticks.get(symbol), now)
            moved = {symbol: (state.last_price[symbol], state.next_trade_id[symbol]) for symbol in self.venue.pits}
            memory = self._feed.memory() if step % _MEMORY_EVERY == 0 else ()
            self.venue.record(MarketMoved(step=step, at=now, markets=moved, feed=memory))
        for pit in self.venue.pits.values():
            self.venue.roll(pit, now)

    def disturb(self) -> None:
        """Do what the faults in force ask for, as far as it is not done to single requests or events."""
        faults, now = self.faults, self._true_clock()
        self._skew_ms = sum(fault.ms for fault in faults.standing(FaultKind.SKEW_CLOCK, now))
        halted = {fault.symbol for fault in faults.standing(FaultKind.HALT, now)}
        for symbol, pit in self.venue.pits.items():
            pit.halted = symbol in halted
        closed = faults.standing(FaultKind.MAINTENANCE, now)
        for connection in self.connections:
            account = next(iter(connection.accounts), None)
            if closed or faults.pick((FaultKind.DROP_SOCKETS,), now, account=account, request=connection.path):
                connection.drop()
            elif not connection.stalled and faults.pick(
                {FaultKind.STALL_SOCKETS}, now, account=account, request=connection.path
            ):
                connection.stalled = True

    def _make_front(self) -> Front:
        venue, state = self.venue, self._state
        wallet, listen_keys = WalletDesk(venue), ListenKeyDesk(self.users)
        market, trade, lists = MarketDesk(venue, self._limiter), TradeDesk(venue), ListDesk(venue)
        account = AccountDesk(venue, self._limiter)
        routes: Routes = {}
        for desk in (market, trade, lists, account, wallet, listen_keys):
            routes |= desk.routes()
        methods: Methods = {}
        for answering in (market, trade, lists, account):
            methods |= answering.methods()
        doorkeeper = Doorkeeper(state.keys, state.accounts)
        dispatch = Dispatch(
            doorkeeper=doorkeeper,
            limiter=self._limiter,
            faults=self.faults,
            commit=self.commit,
            true_clock=self._true_clock,
        )
        return Front(
            routes=routes,
            dispatch=dispatch,
            sockets=StreamSockets(self.connections, self.streams, self.users, self.clock),
            ws_api=WsApi(
                connections=self.connections,
                methods=methods,
                users=self.users,
                doorkeeper=doorkeeper,
                dispatch=dispatch,
                clock=self.clock,
            ),
            admin=Admin(
                venue,
                requests=dispatch.records,
                faults=self.faults,
                disturb=self.disturb,
                true_clock=self._true_clock,
            ),
            admin_token=self.admin_token,
            commit=self.commit,
            clock=self.clock,
        )

    def _watch(self, fact: Fact) -> None:
        self._journal.append(fact)
        self.users.watch(fact)
        if isinstance(fact, Traded):
            self._count_fills(fact)
        elif self.faults.active and isinstance(fact, OrderEnded) and fact.status is Status.CANCELED:
            self._perhaps_fill_late(fact)

    def _count_fills(self, fact: Traded) -> None:
        for order_id, maker in ((fact.buy_order, fact.buyer_maker), (fact.sell_order, not fact.buyer_maker)):
            order = self._state.orders.get(order_id)
            if order is not None and order.filled == fact.quantity:
                self._limiter.filled(order.account, fact.at, maker=maker)

    def _perhaps_fill_late(self, fact: OrderEnded) -> None:
        order = self._state.orders[fact.id]
        fault = self.faults.pick(
            {FaultKind.FILL_AFTER_CANCEL}, self._true_clock(), account=order.account, symbol=order.symbol
        )
        if fault is not None:
            task = asyncio.create_task(self._fill_late(order, fault.ms / 1000), name="late fill")
            self._tasks.append(task)

    async def _fill_late(self, order: Order, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self.venue.execution.fill_late(order, self.clock())
        await self.commit()

    def _begin(self) -> None:
        settings, opened = self.settings, self._state.opened
        if opened is None:
            markets = tuple(self._state.markets)
            opened = Opened(feed=settings.feed, seed=settings.seed, at=self.clock(), markets=markets)
            self.venue.record(opened)
        if isinstance(self._feed, SyntheticFeed):
            for symbol, candles in self._feed.history(settings.history_minutes, opened.at).items():
                self._state.minutes[symbol].extendleft(reversed(candles))

    def _check(self, opened: Opened) -> None:
        """The journal must be of a venue like this one, or its orders would come back to a strange market."""
        settings, journal = self.settings, self.settings.journal
        if (opened.feed, opened.seed) != (settings.feed, settings.seed):
            raise BadSettings(
                f"the journal {journal} belongs to feed {opened.feed} with seed {opened.seed}: "
                "start with these, or choose another journal"
            )
        missing = [symbol for symbol in opened.markets if symbol not in self._state.markets]
        if missing:
            raise BadSettings(f"the journal {journal} needs the markets {', '.join(missing)} too")

    def _make_feed(self) -> Feed | None:
        settings = self.settings
        pace = {"steps_per_s": settings.steps_per_s, "speed": settings.speed}
        if settings.feed == "synthetic":
            return SyntheticFeed(settings.markets, seed=settings.seed, **pace)
        if settings.replay is not None:
            return ReplayFeed(read_recording(settings.replay, self._state.markets), self._state.markets, **pace)
        return LiveFeed(self._live, settings.markets) if self._live is not None else None

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
            await asyncio.sleep(_PACE_S)
            beat += 1
            self.disturb()
            self.streams.publish_paced(self.clock(), 100)
            if beat % 10 == 0:
                self.streams.publish_paced(self.clock(), 1000)

    async def _listen(self) -> None:
        runner = web.ServerRunner(web.Server(self._front.handle, access_log=None), shutdown_timeout=1.0)
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


def _read_script(path: Path) -> list[Fault]:
    try:
        return read_faults(path.read_bytes())
    except OSError as problem:
        raise BadSettings(f"cannot read the faults in {path}: {problem.strerror}") from None


async def serve(settings: PaperSettings, *, live: LiveSource | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    exchange = PaperExchange(settings, live=live)
    await exchange.start()
    try:
        await stopped.wait()
    finally:
        await exchange.stop()
