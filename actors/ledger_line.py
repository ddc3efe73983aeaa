"""A host's line to the ledger: what is to be remembered, written in batches; heartbeats, which renew the leases."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import structlog

from actors.handles import CallError, find_ledger
from actors.messages import Decided, Heartbeat, LedgerBatch, Saved, Worth
from trading.ids import AccountId, Epoch, VenueName
from trading.market import Candle

FLUSH_INTERVAL_S = 0.5
PATIENCE_S = 2.0
LINES_KEPT_MAX = 5_000
CANDLES_KEPT_MAX = 50_000
"""These explain and are shown; they do not decide. While nobody takes them, the oldest go."""

Lost = Callable[[frozenset[tuple[AccountId, Epoch]]], None]


class Book(Protocol):
    """What a line needs of a ledger."""

    async def write(self, batch: LedgerBatch) -> None: ...
    async def beat(self, host: str, beats: Sequence[Heartbeat], /) -> frozenset[AccountId]: ...


log = structlog.get_logger()


class LedgerLine:
    def __init__(self, host: str, heartbeat_s: float, find: Callable[[], Awaitable[Book]] = find_ledger) -> None:
        self._host = host
        self._heartbeat_s = heartbeat_s
        self._find_ledger = find
        self._ledger: Book | None = None
        self._decisions: list[Decided] = []
        self._worths: list[Worth] = []
        self._checkpoints: dict[AccountId, Saved] = {}
        self._candles: list[tuple[VenueName, Candle]] = []
        self._flushing = asyncio.Lock()
        self._hurry = asyncio.Event()

    def decide(self, decided: Decided) -> None:
        self._decisions.append(decided)
        del self._decisions[:-LINES_KEPT_MAX]

    def save(self, saved: Saved) -> None:
        self._checkpoints[saved.account] = saved

    def weigh(self, worth: Worth) -> None:
        self._worths.append(worth)
        del self._worths[:-LINES_KEPT_MAX]

    def keep_candles(self, venue: VenueName, candles: Iterable[Candle]) -> None:
        self._candles.extend((venue, candle) for candle in candles)
        del self._candles[:-CANDLES_KEPT_MAX]

    async def write(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            await self.flush()

    async def flush(self) -> None:
        """Write all there is; keep it for the next time when the ledger does not answer."""
        async with self._flushing:
            batch = LedgerBatch(
                decisions=tuple(self._decisions),
                checkpoints=tuple(self._checkpoints.values()),
                equity=tuple(self._worths),
                candles=tuple(self._candles),
            )
            if not (batch.decisions or batch.checkpoints or batch.equity or batch.candles):
                return
            self._decisions, self._worths, self._checkpoints, self._candles = [], [], {}, []
            try:
                await (await self._find()).write(batch)
            except (CallError, TimeoutError) as error:
                log.warning("ledger did not answer", reason=str(error) or "none is there")
                self._ledger = None
                self._put_back(batch)

    def _put_back(self, batch: LedgerBatch) -> None:
        """Before what came meanwhile, as it is older."""
        self._decisions = [*batch.decisions, *self._decisions][-LINES_KEPT_MAX:]
        self._worths = [*batch.equity, *self._worths][-LINES_KEPT_MAX:]
        self._candles = [*batch.candles, *self._candles][-CANDLES_KEPT_MAX:]
        self._checkpoints = {saved.account: saved for saved in batch.checkpoints} | self._checkpoints

    def beat_soon(self) -> None:
        """Something changed that people are waiting to see."""
        self._hurry.set()

    async def beat(self, beats: Callable[[], tuple[Heartbeat, ...]], lost: Lost) -> None:
        """Renew the leases for ever, and tell of each that is somebody else's now."""
        while True:
            self._hurry.clear()
            sent = beats()
            if sent:
                try:
                    held = await (await self._find()).beat(self._host, sent)
                except (CallError, TimeoutError) as error:
                    log.warning("heartbeat not taken", reason=str(error) or "no ledger is there")
                    self._ledger = None
                else:
                    lost(frozenset((beat.account, beat.epoch) for beat in sent if beat.account not in held))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._heartbeat_s):
                    await self._hurry.wait()

    async def _find(self) -> Book:
        if self._ledger is None:
            async with asyncio.timeout(PATIENCE_S):
                self._ledger = await self._find_ledger()
        return self._ledger
