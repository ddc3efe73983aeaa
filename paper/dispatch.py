"""From a request to its answer: faults, limits, access, the endpoint, durability, and the record for the referee."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from paper.endpoints import Access, Endpoint
from paper.errors import Refused
from paper.faults import ON_REPLIES, ON_REQUESTS, CutOff, Fault, FaultKind, Faults, failure
from paper.limits import Limiter
from paper.payloads import Json
from paper.record import RequestRecord
from paper.requests import Request
from paper.signing import Doorkeeper

_RECORDS_KEPT = 200_000
_CLOSED = Refused(-1016, "This service is no longer available.", 503)


class Reply:
    """An answer, and what goes with it."""

    __slots__ = ("body", "headers", "truncated")

    def __init__(self, body: Any, headers: dict[str, str]) -> None:
        self.body = body
        self.headers = headers
        self.truncated = False


class Dispatch:
    """Runs endpoints, whichever way their requests came."""

    def __init__(
        self,
        *,
        doorkeeper: Doorkeeper,
        limiter: Limiter,
        faults: Faults,
        commit: Callable[[], Awaitable[None]],
        true_clock: Callable[[], int],
    ) -> None:
        self._doorkeeper = doorkeeper
        self.limiter = limiter
        self._faults = faults
        self._commit = commit
        self._true_clock = true_clock
        self.records: deque[RequestRecord] = deque(maxlen=_RECORDS_KEPT)

    async def call(self, endpoint: Endpoint, request: Request, name: str) -> Reply:
        """The endpoint's answer. What it changed is on disk by then, and only then told to anybody."""
        if self._faults.active:
            return await self._call_on_a_bad_day(endpoint, request, name)
        return await self._call(endpoint, request, name, None)

    async def _call_on_a_bad_day(self, endpoint: Endpoint, request: Request, name: str) -> Reply:
        now = self._true_clock()
        before = self._strike(ON_REQUESTS, request, name, now)
        if before is not None and before.kind is FaultKind.DELAY_REQUEST:
            await asyncio.sleep(before.ms / 1000)
            request.now += before.ms  # it is judged when it arrives: by then its window may be over
        elif before is not None:
            self._note(request, name, 0 if before.kind is FaultKind.LOSE_REQUEST else before.status, 0, before)
            _fail(before)
        if self._is_closed(now):
            self._note(request, name, _CLOSED.status, _CLOSED.code, None)
            raise _CLOSED
        after = self._strike(ON_REPLIES, request, name, now)
        reply = await self._call(endpoint, request, name, after)
        if after is None:
            return reply
        if after.kind is FaultKind.DELAY_REPLY:
            await asyncio.sleep(after.ms / 1000)
        elif after.kind is not FaultKind.TRUNCATE:
            _fail(after)
        reply.truncated = after.kind is FaultKind.TRUNCATE
        return reply

    async def _call(self, endpoint: Endpoint, request: Request, name: str, fault: Fault | None) -> Reply:
        try:
            headers = self._admit(endpoint, request)
            body = endpoint.handler(request)
        except Refused as refusal:
            self._note(request, name, refusal.status, refusal.code, fault)
            raise
        else:
            self._note(request, name, 200, 0, fault)
        finally:
            if endpoint.changes:
                await self._commit()
        return Reply(body, headers)

    def rate_limits(self, request: Request) -> list[Json]:
        """How much of the limits is used, as the WebSocket API tells with each answer."""
        report = [self.limiter.weight_report(request.address, request.now)]
        if request.key is not None and request.counts_orders:
            report = self.limiter.order_report(request.key.account, request.now) + report
        return report

    def check_open(self) -> None:
        if self._is_closed(self._true_clock()):
            raise _CLOSED

    def _is_closed(self, now: int) -> bool:
        return bool(self._faults.standing(FaultKind.MAINTENANCE, now))

    def _admit(self, endpoint: Endpoint, request: Request) -> dict[str, str]:
        weight = endpoint.weight
        used = self.limiter.request(
            request.address, weight if isinstance(weight, int) else weight(request), request.now
        )
        headers = {"X-MBX-USED-WEIGHT": str(used), "X-MBX-USED-WEIGHT-1M": str(used)}
        access = endpoint.access
        if access is not Access.PUBLIC:
            if access is Access.KEY or request.trusted:
                self._doorkeeper.admit(request, trade=access is Access.TRADE)
            else:
                self._doorkeeper.verify(request, trade=access is Access.TRADE)
            if endpoint.orders:
                request.counts_orders = True
                headers |= self.limiter.orders(request.account.id, endpoint.orders, request.now)
        return headers

    def _strike(self, kinds: frozenset[FaultKind], request: Request, name: str, now: int) -> Fault | None:
        key = self._doorkeeper.known(request.api_key)
        account = key.account if key is not None else None
        return self._faults.pick(kinds, now, account=account, symbol=request.params.get("symbol"), request=name)

    def _note(self, request: Request, name: str, status: int, code: int, fault: Fault | None) -> None:
        key = request.key or self._doorkeeper.known(request.api_key)
        params = request.params
        client_id = params.get("newClientOrderId") or params.get("origClientOrderId") or ""
        self.records.append(
            RequestRecord(
                request.now,
                key.account if key is not None else "",
                name,
                status,
                code,
                client_id,
                fault.kind if fault is not None else "",
            )
        )


def _fail(fault: Fault) -> None:
    if fault.kind in {FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER}:
        raise failure(fault)
    raise CutOff
