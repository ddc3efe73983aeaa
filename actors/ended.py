"""Traders that ended by themselves, kept until the supervisor has taken note."""

import asyncio
import itertools
from collections.abc import Sequence

from actors.messages import TraderEnded
from trading.ids import AccountId


class EndedTraders:
    """A supervisor that dies takes nothing with it: whoever watches next is told again what was not acknowledged."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._ended: dict[AccountId, tuple[int, TraderEnded]] = {}
        """The newest of each account: an older one says nothing any more."""
        self._changed = asyncio.Event()

    def put(self, ended: TraderEnded) -> None:
        self._ended[ended.account] = (next(self._numbers), ended)
        self._changed.set()

    async def after(self, number: int, wait_s: float) -> tuple[int, Sequence[TraderEnded]]:
        """Those after this number, as soon as there are any, or nothing after a while; and the number they reach to.

        What was told up to `number` has been taken note of. 0 asks for everything.
        """
        self._ended = {account: found for account, found in self._ended.items() if found[0] > number}
        if not self._ended:
            self._changed.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                return number, ()
        found = sorted(self._ended.values())
        return found[-1][0], [ended for _, ended in found]
