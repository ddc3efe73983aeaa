"""The venue's clock, as well as we can tell it."""

import asyncio
from datetime import UTC, datetime, timedelta

import structlog

from exchanges.errors import VenueError
from exchanges.port import PublicMarket

MEASURE_INTERVAL_S = 60.0
MARGIN = timedelta(milliseconds=500)
"""How wrong the measured offset may be: the proof that an order never arrived waits that much longer."""

log = structlog.get_logger()


class VenueClock:
    """Tells venue time from ours and a measured offset. Requests are signed with it."""

    def __init__(self, market: PublicMarket, receive_window_ms: int) -> None:
        self.receive_window = timedelta(milliseconds=receive_window_ms) + MARGIN
        self._market = market
        self._offset = timedelta()
        self._wake = asyncio.Event()

    def now(self) -> datetime:
        # Venues count in milliseconds; what we remember of a signing time must be what was signed.
        now = datetime.now(UTC) + self._offset
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def measure_soon(self) -> None:
        self._wake.set()

    async def measure(self) -> None:
        self._offset = timedelta(milliseconds=await self._market.clock_offset_ms())

    async def keep_measuring(self) -> None:
        while True:
            try:
                async with asyncio.timeout(MEASURE_INTERVAL_S):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.measure()
            except VenueError as error:
                log.warning("venue clock not measured", reason=str(error))
