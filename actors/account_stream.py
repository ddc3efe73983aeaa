"""An account's user stream, followed for as long as it can be believed."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog

from exchanges.errors import StreamLost, VenueError
from exchanges.port import Account, StreamOpened, UserEvent

LAG_S = 3.0
"""What we did ourselves must be heard of within this time."""
WAITING_MAX = 5_000
PAUSE_FIRST_S = 0.2
PAUSE_MOST_S = 30.0
STEADY_S = 60.0
"""A stream that stood for so long was a good one: it is opened again without much of a pause."""

log = structlog.get_logger()


class Sockets:
    """Opens no more streams in any interval than the venue lets one address open."""

    def __init__(self, amount: int, interval_s: float) -> None:
        self._amount = amount
        self._interval_s = interval_s
        self._opened: deque[float] = deque()
        self._turn = asyncio.Lock()

    async def turn(self) -> None:
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if len(self._opened) >= self._amount:
                await asyncio.sleep(self._opened.popleft() + self._interval_s - now)
            self._opened.append(asyncio.get_running_loop().time())


class AccountStream:
    """Brings events in batches, and opens the stream again whenever it is lost.

    Two clocks watch it: the venue's pings say whether the socket lives (ccxt's clock), and what we did ourselves says
    whether it still delivers. A stream that answers pings and is silent about our own orders is not to be believed.
    """

    def __init__(
        self,
        account: Account,
        sockets: Sockets,
        *,
        hear: Callable[[Sequence[UserEvent]], Awaitable[None]],
    ) -> None:
        self._account = account
        self._sockets = sockets
        self._hear = hear
        self._arrived: list[UserEvent] = []
        self._ready = asyncio.Event()
        self._failure: StreamLost | None = None
        self._stands_since: float | None = None
        self._heard_at = 0.0

    @property
    def stands(self) -> bool:
        return self._stands_since is not None

    def expect(self, since: float) -> None:
        """Something happened after that time of the loop's clock that the stream must tell of, soon."""
        if self._stands_since is not None:
            asyncio.get_running_loop().call_later(LAG_S, self._check, since)

    async def follow(self) -> None:
        pause_s = PAUSE_FIRST_S
        while True:
            await self._sockets.turn()
            began = asyncio.get_running_loop().time()
            try:
                await self._follow_once()
            except VenueError as lost:
                if asyncio.get_running_loop().time() - began > STEADY_S:
                    pause_s = PAUSE_FIRST_S
                log.warning("user stream lost", reason=str(lost).splitlines()[0], again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSE_MOST_S)

    async def _follow_once(self) -> None:
        """Hand over what comes until the stream is lost. What it would have said since must be asked for then."""
        self._arrived, self._failure = [], None
        reading = asyncio.create_task(self._read())
        reading.add_done_callback(lambda _: self._ready.set())
        try:
            while True:
                await self._ready.wait()
                self._ready.clear()
                while self._arrived:
                    batch, self._arrived = self._arrived, []
                    await self._hear(batch)
                if self._failure is not None:
                    raise self._failure
                if reading.done():
                    reading.result()
                    raise StreamLost("the stream ended")
        finally:
            self._stands_since = None
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError, VenueError):
                await reading

    async def _read(self) -> None:
        async for event in self._account.user_events():
            self._heard_at = asyncio.get_running_loop().time()
            if isinstance(event, StreamOpened):
                self._stands_since = self._heard_at
            if len(self._arrived) >= WAITING_MAX:
                raise StreamLost("it brought more than was recorded")
            self._arrived.append(event)
            self._ready.set()

    def _check(self, since: float) -> None:
        # It may have been opened anew meanwhile; what was done before that is asked for.
        if self._stands_since is not None and self._stands_since <= since and self._heard_at < since:
            self._failure = StreamLost(f"silent for {LAG_S:g} s about what we did ourselves")
            self._ready.set()
