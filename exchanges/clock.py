"""How far the venue's clock is from ours."""

import statistics
import time
from typing import Any

from exchanges.calling import ask
from exchanges.errors import Unparsable

SAMPLES = 5


async def measure_offset_ms(client: Any) -> int:
    """The venue's clock less ours, the median of several: one slow answer makes one bad sample, not a bad clock.

    From here on, all clients on this client's line sign with it.
    """
    offset = round(statistics.median([await _sample_ms(client) for _ in range(SAMPLES)]))
    client.line.venue.clock_offset_ms = offset
    return offset


async def _sample_ms(client: Any) -> float:
    asked_at = time.time() * 1000
    venue_ms = await ask(client.fetch_time())
    answered_at = time.time() * 1000
    if not isinstance(venue_ms, int):
        raise Unparsable("the venue did not tell its time")
    return venue_ms - (asked_at + answered_at) / 2
