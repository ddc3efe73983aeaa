"""A bad day, on purpose: what goes wrong, for whom, when, and how often. Repeatable: chance comes from a seed.

Each fault is done to requests, to events or to the venue as a whole. The referee's record stays true through all of
them: a reply may be lost, what it would have said is still known.
"""

from collections.abc import Iterable
from enum import StrEnum
from random import Random

import msgspec

from paper.errors import BadSettings, Refused


class FaultKind(StrEnum):
    LOSE_REQUEST = "lose_request"
    """The connection breaks before the request is looked at."""
    LOSE_REPLY = "lose_reply"
    """The request is carried out; then the connection breaks."""
    DELAY_REQUEST = "delay_request"
    DELAY_REPLY = "delay_reply"
    ERROR_BEFORE = "error_before"
    """An HTTP 5xx, and nothing was done."""
    ERROR_AFTER = "error_after"
    """An HTTP 5xx, though it was done."""
    TRUNCATE = "truncate"
    """Half a JSON body, under a status of 200."""
    DROP_SOCKETS = "drop_sockets"
    """Every WebSocket it meets is cut."""
    STALL_SOCKETS = "stall_sockets"
    """WebSockets stay open, answer pings, and deliver nothing more."""
    DUPLICATE_EVENTS = "duplicate_events"
    DELAY_EVENTS = "delay_events"
    REORDER_EVENTS = "reorder_events"
    FILL_AFTER_CANCEL = "fill_after_cancel"
    """A cancellation is confirmed; then the order turns out to have been filled."""
    SKEW_CLOCK = "skew_clock"
    """The venue's clock is `ms` ahead of the true one, or behind."""
    MAINTENANCE = "maintenance"
    """Nobody is served, and every socket is cut."""
    HALT = "halt"
    """A symbol does not trade."""


ON_REPLIES = frozenset({FaultKind.LOSE_REPLY, FaultKind.DELAY_REPLY, FaultKind.ERROR_AFTER, FaultKind.TRUNCATE})
ON_REQUESTS = frozenset({FaultKind.LOSE_REQUEST, FaultKind.DELAY_REQUEST, FaultKind.ERROR_BEFORE})
ON_EVENTS = frozenset({FaultKind.DUPLICATE_EVENTS, FaultKind.DELAY_EVENTS, FaultKind.REORDER_EVENTS})


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One thing that goes wrong. Without limits it goes wrong for everybody, always, until it is cleared."""

    kind: FaultKind
    at_s: float = 0.0
    """When it begins, from when it was asked for."""
    for_s: float | None = None
    times: int | None = None
    probability: float = 1.0
    account: str | None = None
    symbol: str | None = None
    request: str | None = None
    """Only requests whose name begins so: `POST /api/v3/order`, or over the WebSocket API `order.place`."""
    ms: int = 0
    """How long, for delays and the clock."""
    status: int = 503

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must be between 0 and 1")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")
        if self.kind is FaultKind.HALT and not self.symbol:
            raise ValueError("halt needs the symbol that shall not trade")
        if not 500 <= self.status <= 599:
            raise ValueError("status must be a 5xx")


class CutOff(Exception):
    """The connection is to be broken without an answer."""


class _Active:
    def __init__(self, fault: Fault, now: int) -> None:
        self.fault = fault
        self.begins_at = now + round(fault.at_s * 1000)
        self.ends_at = None if fault.for_s is None else self.begins_at + round(fault.for_s * 1000)
        self.happened = 0

    def holds(self, now: int) -> bool:
        return (
            now >= self.begins_at
            and (self.ends_at is None or now < self.ends_at)
            and (self.fault.times is None or self.happened < self.fault.times)
        )


class Faults:
    """The faults in force. Time is the true clock's, whatever the venue's clock is made to say."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311 (repeatable is the point)
        self.active: list[_Active] = []
        """Empty on a good day: nobody then need ask."""

    def add(self, faults: Iterable[Fault], now: int) -> None:
        self.active.extend(_Active(fault, now) for fault in faults)

    def clear(self) -> None:
        self.active.clear()

    def report(self) -> list[dict[str, object]]:
        return [{"fault": active.fault, "happened": active.happened} for active in self.active]

    def pick(
        self,
        kinds: Iterable[FaultKind],
        now: int,
        *,
        account: str | None = None,
        symbol: str | None = None,
        request: str | None = None,
    ) -> Fault | None:
        """The first fault of these kinds that strikes here and now. Counts it as having happened."""
        for active in self.active:
            fault = active.fault
            if (
                fault.kind in kinds
                and active.holds(now)
                and fault.account in {None, account}
                and fault.symbol in {None, symbol}
                and (fault.request is None or (request is not None and request.startswith(fault.request)))
                and (fault.probability >= 1 or self._random.random() < fault.probability)
            ):
                active.happened += 1
                return fault
        return None

    def standing(self, kind: FaultKind, now: int) -> list[Fault]:
        """The faults of a kind that hold as long as they last, however often they are looked at."""
        return [active.fault for active in self.active if active.fault.kind is kind and active.holds(now)]


def failure(fault: Fault) -> Refused:
    """What a client sees of a 5xx."""
    message = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    if fault.status == 500:
        return Refused(-1000, "An unknown error occurred while processing the request.", 500)
    return Refused(-1007, message, fault.status)


def read_faults(body: bytes) -> list[Fault]:
    """Faults from JSON: one, or `{"faults": [ … ]}`."""
    try:
        return msgspec.json.decode(body, type=_Script).faults
    except msgspec.DecodeError as problem:
        raise BadSettings(f'{problem}; write {{"faults": [{{"kind": "lose_reply", "times": 1}}]}}') from None


class _Script(msgspec.Struct, forbid_unknown_fields=True):
    faults: list[Fault]
