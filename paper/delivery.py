"""The last step of an account's events on their way out, and where they are doubled, delayed or swapped on purpose."""

import asyncio
from collections.abc import Callable, Iterable

import msgspec

from paper.connections import Connection
from paper.faults import ON_EVENTS, FaultKind, Faults

_HOLD_S = 0.25
"""How long an event that is to be swapped waits for the next, before it goes alone."""


class Message(msgspec.Struct, eq=False, gc=False):
    connection: Connection
    account: str
    data: bytes


class Delivery:
    def __init__(self, faults: Faults, true_clock: Callable[[], int]) -> None:
        self._faults = faults
        self._true_clock = true_clock
        self._held: dict[Connection, bytes] = {}

    def deliver(self, messages: Iterable[Message]) -> None:
        for message in messages:
            fault = self._faults.pick(ON_EVENTS, self._true_clock(), account=message.account)
            connection, data = message.connection, message.data
            held = self._held.pop(connection, None)
            if held is not None:
                connection.put(data)
                connection.put(held)
            elif fault is None:
                connection.put(data)
            elif fault.kind is FaultKind.DUPLICATE_EVENTS:
                connection.put(data)
                connection.put(data)
            elif fault.kind is FaultKind.DELAY_EVENTS:
                asyncio.get_running_loop().call_later(fault.ms / 1000, connection.put, data)
            else:
                self._held[connection] = data
                asyncio.get_running_loop().call_later(_HOLD_S, self._release, connection, data)

    def _release(self, connection: Connection, data: bytes) -> None:
        if self._held.get(connection) is data:
            del self._held[connection]
            connection.put(data)
