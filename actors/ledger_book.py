"""The ledger's work: writing what traders want remembered, and renewing their leases."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import structlog

from actors.config import FleetConfig
from actors.messages import Heartbeat, LedgerBatch
from storage import candles, decisions, equity, leases, runtime
from storage.database import Database, Role
from storage.errors import REFUSED_BY_DATABASE
from storage.orders import save_checkpoint
from trading.ids import AccountId

PATIENCE_S = 5.0

log = structlog.get_logger()


class LedgerBook:
    """Writes for many hosts. What it has acknowledged is committed; what it has not may be sent again unharmed."""

    def __init__(self, config: FleetConfig) -> None:
        self._config = config
        self._database = Database(config.database_url.read(), Role.FLEET, patience_s=PATIENCE_S)

    async def write(self, batch: LedgerBatch) -> None:
        """One thing that the database refuses must not keep the rest from being written, now and for ever."""
        try:
            await self._write(batch)
        except REFUSED_BY_DATABASE:
            for single in _singly(batch):
                try:
                    await self._write(single)
                except REFUSED_BY_DATABASE as error:
                    log.exception("not written: the database refuses it", what=single, error=type(error).__name__)

    async def _write(self, batch: LedgerBatch) -> None:
        async with self._database.transaction() as tx:
            if batch.decisions:
                await decisions.write_decisions(tx, batch.decisions)
            if batch.equity:
                await equity.write_equity(tx, batch.equity)
            if batch.candles:
                await candles.write_candles(tx, batch.candles)
            for saved in sorted(batch.checkpoints, key=lambda saved: saved.account):
                await save_checkpoint(tx, saved.account, saved.epoch, saved.run, saved.checkpoint)

    async def beat(self, host: str, beats: Sequence[Heartbeat]) -> frozenset[AccountId]:
        async with self._database.transaction() as tx:
            held = await leases.renew(tx, [(beat.account, beat.epoch) for beat in beats], self._config.lease_ttl_s)
            await runtime.heartbeat(tx, host, [beat for beat in beats if beat.account in held], datetime.now(UTC))
        return frozenset(held)


def _singly(batch: LedgerBatch) -> Iterator[LedgerBatch]:
    yield from (LedgerBatch(decisions=(each,)) for each in batch.decisions)
    yield from (LedgerBatch(equity=(each,)) for each in batch.equity)
    yield from (LedgerBatch(candles=(each,)) for each in batch.candles)
    yield from (LedgerBatch(checkpoints=(each,)) for each in batch.checkpoints)
