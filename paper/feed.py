"""What drives the markets from outside. Every feed says the same thing: where a market is now, and what printed."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec


class Print(msgspec.Struct, frozen=True, gc=False):
    """Somebody out there trades: a quantity against whoever rests best, or, with a price, exactly there."""

    buy: bool
    quantity: int
    price: int | None = None


class Tick(msgspec.Struct, frozen=True):
    """One market at one step: the best bid and ask that the crowd will offer, how much, and what it trades."""

    bid: int
    ask: int
    size: int
    """Roughly what rests at the best price."""
    prints: Sequence[Print] = ()


class Feed(Protocol):
    """Steps are numbered from 1, and each is taken once, in order."""

    def step(self, number: int) -> Mapping[str, Tick]: ...

    def memory(self) -> tuple[float, ...]:
        """All that the next step depends on, besides its number."""

    def remember(self, memory: tuple[float, ...]) -> None: ...
