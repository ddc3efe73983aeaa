"""When to ask the venue again: soon, as long as something is doubtful; later and later, as long as it does not help."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable

import structlog

from exchanges.errors import VenueError
from storage.errors import DATABASE_ERRORS
from trading.ids import ClientOrderId

STREAM_PATIENCE_S = 2.0
"""The first look waits for the stream, so that nothing falls between the two; but not for long."""
SETTLE_PAUSE_S = 0.5
"""The stream usually brings what is missing within this time, and asking costs request budget."""
RETRY_S = 1.0
RETRY_MOST_S = 10.0
STEADY_TRIES = 5
"""So often without growing pauses: what was lost on its way is proven lost after a few seconds."""
FULL_EVERY = 10
"""Of so many looks from time to time, one is at everything."""

Look = Callable[[Collection[ClientOrderId] | None, bool], Awaitable[Collection[ClientOrderId]]]
"""Look at these orders, or at all; fully or not. Answers with those that must be looked at again."""


class Caretaker:
    """Looks after one account's books. One look at a time."""

    def __init__(
        self, *, look: Look, interval_s: Callable[[], float], log: structlog.stdlib.BoundLogger | None = None
    ) -> None:
        self._look = look
        self._interval_s = interval_s
        self._log = log or structlog.get_logger()
        self._doubted: set[ClientOrderId] = set()
        self._everything = True
        self._fully = True
        self._woken = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._agreed = False
        self._tries = 0
        self._routine = 0

    def doubt(self, names: Iterable[ClientOrderId]) -> None:
        self._doubted.update(names)
        self._woken.set()

    def look_fully(self) -> None:
        self._fully = True
        self._woken.set()

    async def looked(self) -> None:
        """Returns once the books have agreed with the venue; raises what the next try fails with."""
        if not self._agreed:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    async def run(self) -> None:
        self._fully = True
        await self._woken_within(STREAM_PATIENCE_S)
        next_routine = 0.0
        while True:
            now = asyncio.get_running_loop().time()
            if now >= next_routine:
                next_routine = now + self._interval_s() * random.uniform(0.8, 1.2)  # noqa: S311  (not all at once)
                self._everything = True
                self._routine += 1
                self._fully |= self._routine % FULL_EVERY == 0
            failed = await self._look_once()
            if failed:
                await asyncio.sleep(_pause_s(self._tries))
                continue
            pause_s = _pause_s(self._tries) if self._tries else next_routine - asyncio.get_running_loop().time()
            if await self._woken_within(pause_s) and not self._fully:
                await asyncio.sleep(SETTLE_PAUSE_S)

    async def _look_once(self) -> bool:
        """Whether it failed; then all that was asked is asked again."""
        fully, self._fully = self._fully, False
        everything, self._everything = self._everything or fully, False
        doubted, self._doubted = self._doubted, set()
        self._woken.clear()
        if not (everything or doubted):
            return False
        try:
            left = await self._look(None if everything else doubted, fully)
        except Exception as error:
            self._doubted |= doubted
            self._fully |= fully
            self._everything |= everything
            self._tries += 1
            self._answer(error)
            if not isinstance(error, (VenueError, *DATABASE_ERRORS)):
                raise
            self._log.warning("books not in step", reason=str(error).splitlines()[0])
            return True
        if fully:
            self._agreed = True
            self._answer(None)
        self._doubted.update(left)
        self._tries = self._tries + 1 if left else 0
        return False

    async def _woken_within(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
        except TimeoutError:
            return False
        return True

    def _answer(self, error: Exception | None) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if each.done():
                continue
            if error is None:
                each.set_result(None)
            else:
                each.set_exception(error)


def _pause_s(tries: int) -> float:
    pause_s: float = RETRY_S * 2 ** max(tries - STEADY_TRIES, 0)
    return min(pause_s, RETRY_MOST_S)
