"""The venue's clock, as well as we can tell it."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta

import structlog

from exchanges.errors import VenueError
from exchanges.port import PublicMarket

MEASURE_INTERVAL_S = 60.0
MARGIN = timedelta(seconds=1)
"""How wrong our idea of the venue's clock may be, and how far the venue's answers may lag behind its own matching: the
proof that an order never arrived waits that much longer."""

log = structlog.get_logger()


class VenueClock:
    """Tells venue time. Requests are signed with it, and what never arrived is proven by it.

    It goes on from the last measurement by a clock that nobody sets: if this machine's time of day jumps, orders that
    are still on their way do not look dead.
    """

    def __init__(self, market: PublicMarket, receive_window_ms: int) -> None:
        self.receive_window = timedelta(milliseconds=receive_window_ms) + MARGIN
        self._market = market
        self._zero: datetime | None = None
        self._wake = asyncio.Event()

    def now(self) -> datetime:
        assert self._zero is not None, "the venue's clock is measured before it is read"
        now = self._zero + timedelta(seconds=time.monotonic())
        # Venues count in milliseconds; what we remember of a signing time must be what was signed.
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def measure_soon(self) -> None:
        self._wake.set()

    async def ensure_measured(self) -> None:
        if self._zero is None:
            await self._measure()

    async def keep_measuring(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._measure()
            except VenueError as error:
                log.warning("venue clock not measured", reason=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MEASURE_INTERVAL_S):
                    await self._wake.wait()

    async def _measure(self) -> None:
        offset = timedelta(milliseconds=await self._market.clock_offset_ms())
        self._zero = datetime.now(UTC) + offset - timedelta(seconds=time.monotonic())
