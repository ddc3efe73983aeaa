"""A host's lines to the shared actors: each finds its actor by name, again and again, however often it is replaced."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Protocol

import structlog

from actors.handles import CallError, GatewayHandle, find_gateway, find_ledger, find_market
from actors.messages import Decided, Denied, Heartbeat, LedgerBatch, NewsLost, Saved, Worth
from actors.ticks import TickClient, TickStreamLost
from actors.trader import Fenced
from trading.events import Assignment, CancelOrders, Event, Snapshot, SubmitOrders
from trading.ids import AccountId, Symbol, VenueName
from trading.market import Candle, Quote, Reading
from trading.orders import Outcome, Unknown
from trading.strategies.contract import Feed

RETRY_PAUSE_S = 0.5
FLUSH_INTERVAL_S = 0.5
DECISIONS_KEPT_MAX = 5_000
CANDLES_KEPT_MAX = 50_000

log = structlog.get_logger()


class Receiver(Protocol):
    """What a host does with what comes in."""

    def hear(self, account: AccountId, event: Event) -> None: ...
    def news_lost(self, account: AccountId) -> None: ...
    def see(self, venue: VenueName, news: Quote | Reading) -> None: ...
    def gateway_replaced(self, venue: VenueName) -> None: ...


class GatewayLine:
    """Orders out, news in, over one venue's gateway."""

    def __init__(self, host: str, venue: VenueName, receiver: Receiver) -> None:
        self._host = host
        self._venue = venue
        self._receiver = receiver
        self._gateway: GatewayHandle | None = None
        self._finding = asyncio.Lock()

    async def listen(self) -> None:
        """Hand over news for ever. The call that waits for news also tells at once when the gateway dies."""
        while True:
            gateway = await self._find()
            try:
                while True:
                    for account, event in await gateway.news(self._host):
                        if isinstance(event, NewsLost):
                            self._receiver.news_lost(account)
                        else:
                            self._receiver.hear(account, event)
            except CallError as error:
                log.warning("gateway lost", venue=self._venue, reason=str(error))
                self._forget(gateway)
                await self._find()
                self._receiver.gateway_replaced(self._venue)

    async def open(self, assignment: Assignment) -> Snapshot:
        while True:
            gateway = await self._find()
            try:
                answer = await gateway.open(assignment, self._host)
            except CallError as error:
                answer = Denied(code="gateway", reason=str(error))
                self._forget(gateway)
            if isinstance(answer, Snapshot):
                return answer
            if answer.code == "fenced":
                raise Fenced(answer.reason)
            if answer.code == "credentials":
                raise AccountUnusable(answer.reason)
            log.warning("account not open yet", account=assignment.account, reason=answer.reason)
            await asyncio.sleep(RETRY_PAUSE_S)

    async def submit(self, assignment: Assignment, submission: SubmitOrders) -> tuple[Outcome, ...]:
        gateway = await self._find()
        try:
            return await gateway.submit(assignment, submission.orders, submission.checkpoint)
        except CallError as error:
            # It may have been carried out: only the venue knows.
            self._forget(gateway)
            reason = f"the gateway did not answer: {error}"
            return tuple(Unknown(client_order_id=order.client_order_id, reason=reason) for order in submission.orders)

    async def cancel(self, assignment: Assignment, cancellation: CancelOrders) -> None:
        gateway = await self._find()
        try:
            await gateway.cancel(assignment, cancellation.orders)
        except CallError as error:
            # Nothing is lost: as long as the order stands, the trader wants it cancelled and will say so again.
            log.warning("cancellation not passed on", account=assignment.account, reason=str(error))
            self._forget(gateway)

    async def close(self, assignment: Assignment) -> None:
        gateway = await self._find()
        try:
            await gateway.close(assignment)
        except CallError:
            self._forget(gateway)  # a gateway that is gone holds no key

    async def _find(self) -> GatewayHandle:
        async with self._finding:
            if self._gateway is None:
                self._gateway = await find_gateway(self._venue)
            return self._gateway

    def _forget(self, gateway: GatewayHandle) -> None:
        if self._gateway is gateway:
            self._gateway = None


class AccountUnusable(Exception):
    """The account cannot be traded until a person changes something: its key does not open or is refused."""


class TickLine:
    """Quotes in, over one venue's tick stream."""

    def __init__(self, venue: VenueName, receiver: Receiver) -> None:
        self._venue = venue
        self._receiver = receiver
        self._symbols: frozenset[Symbol] = frozenset()
        self._feeds: frozenset[Feed] = frozenset()
        self._client: TickClient | None = None

    def want(self, symbols: Iterable[Symbol], feeds: Iterable[Feed]) -> None:
        self._symbols, self._feeds = frozenset(symbols), frozenset(feeds)
        if self._client is not None:
            self._client.subscribe(self._symbols, self._feeds)

    async def listen(self) -> None:
        while True:
            try:
                market = await find_market(self._venue)
                host, port, token = await market.stream()
                self._client = await TickClient.connect(host, port, token)
                self._client.subscribe(self._symbols, self._feeds)
                async for news in self._client.news():
                    self._receiver.see(self._venue, news)
            except (CallError, TickStreamLost) as error:
                log.warning("tick stream lost", venue=self._venue, reason=str(error))
            finally:
                if self._client is not None:
                    self._client.close()
                    self._client = None
            await asyncio.sleep(RETRY_PAUSE_S)


class LedgerLine:
    """What is to be remembered, gathered and written in batches; heartbeats, which renew the leases."""

    def __init__(self, host: str, heartbeat_s: float) -> None:
        self._host = host
        self._heartbeat_s = heartbeat_s
        self._decisions: list[Decided] = []
        self._worths: list[Worth] = []
        self._checkpoints: dict[AccountId, Saved] = {}
        self._candles: list[tuple[VenueName, Candle]] = []
        self._hurry = asyncio.Event()

    def decide(self, decided: Decided) -> None:
        self._decisions.append(decided)
        if len(self._decisions) > DECISIONS_KEPT_MAX:
            # The log of decisions explains; it does not decide. While nobody takes it, the oldest lines go.
            del self._decisions[: DECISIONS_KEPT_MAX // 10]

    def save(self, saved: Saved) -> None:
        self._checkpoints[saved.account] = saved

    def weigh(self, worth: Worth) -> None:
        self._worths.append(worth)
        del self._worths[:-DECISIONS_KEPT_MAX]

    def keep_candles(self, venue: VenueName, candles: Iterable[Candle]) -> None:
        self._candles.extend((venue, candle) for candle in candles)
        del self._candles[:-CANDLES_KEPT_MAX]

    async def write(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()

    async def flush(self) -> None:
        """Write all there is; keep it for the next time when the ledger does not answer."""
        if not (self._decisions or self._worths or self._checkpoints or self._candles):
            return
        batch = LedgerBatch(
            decisions=tuple(self._decisions),
            checkpoints=tuple(self._checkpoints.values()),
            equity=tuple(self._worths),
            candles=tuple(self._candles),
        )
        try:
            ledger = await find_ledger()
            await ledger.write(batch)
        except CallError as error:
            log.warning("ledger did not answer", reason=str(error))
            return
        del self._decisions[: len(batch.decisions)]
        del self._worths[: len(batch.equity)]
        del self._candles[: len(batch.candles)]
        for saved in batch.checkpoints:
            if self._checkpoints.get(saved.account) is saved:
                del self._checkpoints[saved.account]

    def beat_soon(self) -> None:
        """Something changed that people are waiting to see."""
        self._hurry.set()

    async def beat(
        self, beats: Callable[[], tuple[Heartbeat, ...]], lost: Callable[[frozenset[AccountId]], None]
    ) -> None:
        """Renew the leases for ever, and tell of each account whose lease is somebody else's now."""
        while True:
            sent = beats()
            if sent:
                try:
                    ledger = await find_ledger()
                    held = await ledger.beat(self._host, sent)
                except CallError as error:
                    log.warning("heartbeat not taken", reason=str(error))
                else:
                    lost(frozenset(beat.account for beat in sent) - held)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    await self._hurry.wait()
            self._hurry.clear()
