"""The venue gateway: the one process that holds decrypted keys of a venue, and the only way for an order to leave."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from actors.config import FleetConfig
from actors.handles import process
from actors.messages import Denied, NewsLost
from trading.events import Assignment, Checkpoint, Event, Snapshot
from trading.ids import AccountId, ClientOrderId, Symbol
from trading.orders import ApprovedOrder, Outcome

if TYPE_CHECKING:
    from actors.desks import Desks


class VenueGateway:
    """A shell: `actors.desks` does the work."""

    def __init__(self, config: FleetConfig, venue: str) -> None:
        self._config = config
        self._venue = venue
        self._desks: Desks | None = None
        self._starting = asyncio.Lock()

    async def watch(self) -> None:
        """Serve until the process ends; raises what makes serving impossible."""
        desks = await self._started()
        await desks.run()

    async def pid(self) -> int:
        return process()[0]

    async def open(self, assignment: Assignment, host: str) -> Snapshot | Denied:
        desks = await self._started()
        return await desks.open(assignment, host)

    async def submit(
        self, assignment: Assignment, orders: tuple[ApprovedOrder, ...], checkpoint: Checkpoint
    ) -> tuple[Outcome, ...]:
        desks = await self._started()
        return await desks.submit(assignment, orders, checkpoint)

    async def cancel(self, assignment: Assignment, orders: tuple[tuple[Symbol, ClientOrderId], ...]) -> None:
        desks = await self._started()
        await desks.cancel(assignment, orders)

    async def news(self, host: str) -> Sequence[tuple[AccountId, Event | NewsLost]]:
        desks = await self._started()
        return await desks.mailbox(host).take()

    async def close(self, assignment: Assignment) -> None:
        desks = await self._started()
        await desks.close(assignment)

    async def _started(self) -> "Desks":
        async with self._starting:
            if self._desks is None:
                # Imported here, so that the supervisor, which names this class to start it, does not load ccxt.
                from actors.desks import Desks  # noqa: PLC0415

                self._desks = await Desks.start(self._config, self._venue)
            return self._desks
