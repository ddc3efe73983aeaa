"""The ledger: the actor that remembers for traders, which have no database of their own."""

import asyncio
from collections.abc import Sequence

from actors.config import FleetConfig
from actors.handles import process
from actors.logs import set_up_logs
from actors.messages import Heartbeat, LedgerBatch
from trading.ids import AccountId


class Ledger:
    """A shell: `actors.ledger_book` does the work. What it has acknowledged is committed."""

    def __init__(self, config: FleetConfig) -> None:
        set_up_logs(config.log_level)
        # Imported here: whoever looks an actor up loads its class, and a trader's process must stay without SQLAlchemy.
        from actors.ledger_book import LedgerBook  # noqa: PLC0415

        self._book = LedgerBook(config)

    async def watch(self) -> None:
        """Returns never: it is there to be broken off by the actor's death."""
        await asyncio.Event().wait()

    async def pid(self) -> int:
        return process()[0]

    async def write(self, batch: LedgerBatch) -> None:
        await self._book.write(batch)

    async def beat(self, host: str, beats: Sequence[Heartbeat]) -> frozenset[AccountId]:
        return await self._book.beat(host, beats)
