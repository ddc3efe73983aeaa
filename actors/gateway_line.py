"""A host's line to a venue's gateway: found by name, again and again, however often it is replaced."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from actors.handles import CallError, GatewayHandle, find_gateway
from actors.messages import FENCED, Denied, NewsLost
from actors.trader import Fenced
from trading.events import Assignment, CancelOrders, Event, Snapshot, SubmitOrders
from trading.ids import AccountId, VenueName
from trading.orders import Outcome, Refused, Unknown

RETRY_PAUSE_S = 0.5
PATIENCE_S = 2.0
"""How long something that is to be sent now waits for a gateway. Later it would be sent at a price of long ago."""

log = structlog.get_logger()


class AccountUnusable(Exception):
    """The account cannot be traded until a person changes something: its key does not open or is refused."""


class NoGateway(Exception):
    """The venue's gateway is gone, and no other one has come yet."""


class Hearer(Protocol):
    """What a host does with news."""

    def hear(self, account: AccountId, event: Event) -> None: ...
    def news_lost(self, account: AccountId) -> None: ...
    def gateway_replaced(self, venue: VenueName) -> None: ...


class GatewayLine:
    """Orders out, news in."""

    def __init__(self, host: str, venue: VenueName, hearer: Hearer) -> None:
        self._host = host
        self._venue = venue
        self._hearer = hearer
        self._gateway: GatewayHandle | None = None
        self._finding = asyncio.Lock()

    async def listen(self) -> None:
        """Hand over news for ever. The call that waits for news also tells at once when the gateway dies."""
        while True:
            gateway = await self._find()
            try:
                while True:
                    self._hand_over(await gateway.news(self._host))
            except CallError as error:
                log.warning("gateway lost", venue=self._venue, reason=str(error))
                self._forget(gateway)
            await asyncio.sleep(RETRY_PAUSE_S)
            await self._find()
            self._hearer.gateway_replaced(self._venue)

    def _hand_over(self, news: Sequence[tuple[AccountId, Event | NewsLost]]) -> None:
        for account, event in news:
            if isinstance(event, NewsLost):
                self._hearer.news_lost(account)
            else:
                self._hearer.hear(account, event)

    async def open(self, assignment: Assignment) -> Snapshot:
        """Waits for as long as it takes: until the account is open, nothing can be decided."""
        while True:
            gateway = await self._find()
            try:
                answer = await gateway.open(assignment, self._host)
            except CallError as error:
                answer = Denied(code="gateway", reason=str(error))
                self._forget(gateway)
            if isinstance(answer, Snapshot):
                return answer
            if answer.code == FENCED:
                raise Fenced(answer.reason)
            if answer.code == "credentials":
                raise AccountUnusable(answer.reason)
            log.warning("account not open yet", account=assignment.account, reason=answer.reason)
            await asyncio.sleep(RETRY_PAUSE_S)

    async def submit(self, assignment: Assignment, submission: SubmitOrders) -> tuple[Outcome, ...]:
        try:
            gateway = await self._find_soon()
        except NoGateway as error:
            return tuple(
                Refused(client_order_id=order.client_order_id, code="no_gateway", reason=str(error))
                for order in submission.orders
            )
        try:
            return await gateway.submit(assignment, submission.orders, submission.checkpoint)
        except CallError as error:
            # It may have been carried out: only the venue knows.
            self._forget(gateway)
            reason = f"the gateway did not answer: {error}"
            return tuple(Unknown(client_order_id=order.client_order_id, reason=reason) for order in submission.orders)

    async def cancel(self, assignment: Assignment, cancellation: CancelOrders) -> None:
        # Nothing is lost when it fails: as long as the order stands, the trader wants it cancelled and says so again.
        try:
            gateway = await self._find_soon()
        except NoGateway as error:
            log.warning("cancellation not passed on", account=assignment.account, reason=str(error))
            return
        try:
            await gateway.cancel(assignment, cancellation.orders)
        except CallError as error:
            log.warning("cancellation not passed on", account=assignment.account, reason=str(error))
            self._forget(gateway)

    async def close(self, assignment: Assignment) -> None:
        try:
            gateway = await self._find_soon()
        except NoGateway:
            return  # one that is gone holds no key
        try:
            await gateway.close(assignment)
        except CallError:
            self._forget(gateway)

    async def _find(self) -> GatewayHandle:
        async with self._finding:
            if self._gateway is None:
                self._gateway = await find_gateway(self._venue)
            return self._gateway

    async def _find_soon(self) -> GatewayHandle:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._find()
        except TimeoutError:
            raise NoGateway(f"no gateway of {self._venue} was there within {PATIENCE_S:g} s") from None

    def _forget(self, gateway: GatewayHandle) -> None:
        if self._gateway is gateway:
            self._gateway = None
