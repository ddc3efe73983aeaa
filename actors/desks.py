"""All desks of one venue: who may use one, and the keys that open them."""

import asyncio
from collections.abc import Sequence

import msgspec
import structlog

from actors.config import FleetConfig
from actors.desk import AccountDesk
from actors.mailbox import Mailbox
from actors.messages import Denied
from actors.venue_clock import VenueClock
from exchanges.errors import KeyRefused, VenueError
from exchanges.port import ApiKey, PublicMarket
from exchanges.venues import Venue, open_public
from security.envelope import Binding, KeyRing
from security.errors import SecurityError
from storage import credentials, leases
from storage import orders as order_store
from storage.credentials import CredentialMissing
from storage.database import Database, Role
from storage.errors import DATABASE_ERRORS
from storage.fleet import controls_for
from trading.events import Assignment, Checkpoint, Event, Snapshot
from trading.ids import AccountId, ClientOrderId, Symbol
from trading.orders import ApprovedOrder, Outcome, Refused
from trading.strategies import needs

DESK_PAUSE_S = 1.0

log = structlog.get_logger()


class Desks:
    """Opens a desk per account and keeps it running. An account's desk outlives its traders: fills are recorded
    whether or not anybody listens."""

    def __init__(self, config: FleetConfig, venue: Venue, market: PublicMarket) -> None:
        self._config = config
        self._venue = venue
        self._market = market
        self._clock = VenueClock(market, config.receive_window_ms)
        self._database = Database(config.database_url.read(), Role.FLEET)
        self._key_ring = KeyRing.parse(config.master_keys.read())
        self._desks: dict[AccountId, AccountDesk] = {}
        self._running: dict[AccountId, asyncio.Task[None]] = {}
        self._opening: dict[AccountId, asyncio.Lock] = {}
        self._mailboxes: dict[str, Mailbox] = {}

    @classmethod
    async def start(cls, config: FleetConfig, venue: str) -> "Desks":
        address = config.venue(venue)
        market = await open_public(address)
        desks = cls(config, Venue(address, receive_window_ms=config.receive_window_ms), market)
        await desks._clock.measure()
        return desks

    async def run(self) -> None:
        await self._clock.keep_measuring()

    def mailbox(self, host: str) -> Mailbox:
        return self._mailboxes.setdefault(host, Mailbox())

    async def open(self, assignment: Assignment, host: str) -> Snapshot | Denied:
        """Let this host's trader act for the account, and tell it how things stand.

        The route is set before the snapshot is read, so nothing that is recorded meanwhile is missed: what the snapshot
        holds already, the trader knows by its number.
        """
        async with self._opening.setdefault(assignment.account, asyncio.Lock()):
            try:
                return await self._open(assignment, host)
            except (SecurityError, CredentialMissing, KeyRefused) as error:
                return Denied(code="credentials", reason=str(error))
            except VenueError as error:
                return Denied(code="venue", reason=str(error))
            except DATABASE_ERRORS as error:
                return Denied(code="database", reason=f"our database did not answer ({type(error).__name__})")

    async def _open(self, assignment: Assignment, host: str) -> Snapshot | Denied:
        if not await self._holds_lease(assignment):
            return Denied(code="fenced", reason=f"epoch {assignment.epoch} does not hold the lease")
        mailbox = self.mailbox(host)

        def deliver(event: Event) -> None:
            mailbox.put(assignment.account, event)

        desk = self._desks.get(assignment.account)
        if desk is None:
            desk = await self._make_desk(assignment)
            desk.deliver = deliver
            await desk.reconcile()
            self._desks[assignment.account] = desk
            self._running[assignment.account] = asyncio.create_task(self._keep(desk))
        else:
            desk.assignment = assignment
            desk.symbols = frozenset(needs(assignment.strategy, assignment.params).symbols)
            desk.deliver = deliver
        return await self._snapshot(desk)

    async def _make_desk(self, assignment: Assignment) -> AccountDesk:
        async with self._database.transaction() as tx:
            sealed = await credentials.read(tx, assignment.account)
        binding = Binding(user=assignment.user, account=assignment.account, venue=assignment.venue)
        secret = self._key_ring.open(sealed, binding)
        account = await self._venue.account(msgspec.json.decode(secret, type=ApiKey))
        return AccountDesk(
            assignment=assignment,
            account=account,
            database=self._database,
            clock=self._clock,
            symbols=frozenset(needs(assignment.strategy, assignment.params).symbols),
            deliver=lambda _: None,
        )

    async def _snapshot(self, desk: AccountDesk) -> Snapshot:
        assignment = desk.assignment
        async with self._database.transaction() as tx:
            parts = await order_store.snapshot_parts(tx, assignment.account, assignment.run)
            control, symbol_controls = await controls_for(tx, assignment.account, assignment.user)
        instruments = await self._market.instruments(sorted(desk.symbols))
        return Snapshot(
            seq=parts.seq,
            checkpoint=parts.checkpoint,
            orders=parts.orders,
            fills=parts.fills,
            balances={asset: (balance.free, balance.locked) for asset, balance in desk.balances.items()},
            instruments=instruments,
            control=control,
            symbol_controls=symbol_controls,
        )

    async def _keep(self, desk: AccountDesk) -> None:
        """Run a desk until it is closed. A failure of one is its own: the others of this gateway go on."""
        while True:
            try:
                await desk.run()
            except Exception as error:
                log.exception("desk failed", account=desk.assignment.account, error=repr(error))
                await asyncio.sleep(DESK_PAUSE_S)

    async def submit(
        self, assignment: Assignment, orders: Sequence[ApprovedOrder], checkpoint: Checkpoint
    ) -> tuple[Outcome, ...]:
        desk = self._desks.get(assignment.account)
        if desk is None:
            return tuple(
                Refused(client_order_id=order.client_order_id, code="not_open", reason="the account is not open here")
                for order in orders
            )
        return await desk.submit(assignment, orders, checkpoint)

    async def cancel(self, assignment: Assignment, orders: Sequence[tuple[Symbol, ClientOrderId]]) -> None:
        desk = self._desks.get(assignment.account)
        if desk is not None and await self._holds_lease(assignment):
            await desk.cancel(orders)

    async def close(self, account: AccountId) -> None:
        """Nobody trades this account any more: forget its key."""
        desk = self._desks.pop(account, None)
        if desk is not None:
            self._running.pop(account).cancel()
            await desk.close()

    async def _holds_lease(self, assignment: Assignment) -> bool:
        async with self._database.transaction() as tx:
            held = await leases.renew(tx, [(assignment.account, assignment.epoch)], self._config.lease_ttl_s)
        return assignment.account in held
