"""From a request to its answer: access, limits, the endpoint, durability, and the record for the referee."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from paper.endpoints import Access, Endpoint
from paper.errors import Refused
from paper.record import RequestRecord
from paper.requests import Request
from paper.signing import Doorkeeper

_RECORDS_KEPT = 200_000


class Dispatch:
    """Runs endpoints, whichever way their requests came."""

    def __init__(self, doorkeeper: Doorkeeper, commit: Callable[[], Awaitable[None]]) -> None:
        self._doorkeeper = doorkeeper
        self._commit = commit
        self.records: deque[RequestRecord] = deque(maxlen=_RECORDS_KEPT)

    async def call(self, endpoint: Endpoint, request: Request, name: str) -> Any:
        """The endpoint's answer. What it changed is on disk by then, and only then told to anybody."""
        try:
            self._admit(endpoint, request)
            answer = endpoint.handler(request)
        except Refused as refusal:
            self._note(request, name, refusal.status, refusal.code)
            raise
        self._note(request, name, 200, 0)
        if endpoint.changes:
            await self._commit()
        return answer

    def _admit(self, endpoint: Endpoint, request: Request) -> None:
        access = endpoint.access
        if access is Access.PUBLIC:
            return
        if access is Access.KEY or request.trusted:
            self._doorkeeper.admit(request, trade=access is Access.TRADE)
        else:
            self._doorkeeper.verify(request, trade=access is Access.TRADE)

    def _note(self, request: Request, name: str, status: int, code: int) -> None:
        account = request.key.account if request.key is not None else ""
        client_id = request.params.get("newClientOrderId") or request.params.get("origClientOrderId") or ""
        self.records.append(RequestRecord(request.now, account, name, status, code, client_id))
