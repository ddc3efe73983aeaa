"""What drives the markets from outside. Every feed says the same thing: where a market is now, and what printed."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class Print(msgspec.Struct, frozen=True, gc=False):
    """Somebody out there trades: a quantity against whoever rests best, or, with a price, exactly there."""

    buy: bool
    quantity: int
    price: int | None = None
    at: int | None = None
    """When it was, for a recorded trade: the market's own time, which is then not the venue's."""


class Tick(msgspec.Struct, frozen=True):
    """One market at one step: the best bid and ask that the crowd will offer, how much, and what it trades."""

    bid: int
    ask: int
    size: int
    """Roughly what rests at the best price; 0 where nobody quotes."""
    prints: Sequence[Print] = ()
    at: int | None = None
    """The market's own time, if it is not the venue's."""


class Feed(Protocol):
    """Steps are numbered from 1, and each is taken once, in order. A market without news may be left out of one."""

    def step(self, number: int) -> Mapping[str, Tick]: ...

    def memory(self) -> tuple[float, ...]:
        """All that the next step depends on, besides its number."""

    def resume(self, step: int, *, memory: tuple[float, ...], remembered_at: int) -> None:
        """Be as after that step, from a memory of an earlier one."""
