"""All desks of one venue: who may use one, and the keys that open them."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog

from actors.account_stream import Sockets
from actors.config import FleetConfig
from actors.desk import AccountDesk
from actors.logs import set_up_logs
from actors.mailbox import Mailbox
from actors.messages import FENCED, Denied, NewsLost
from actors.venue_clock import VenueClock
from exchanges.errors import KeyRefused, VenueError
from exchanges.port import ApiKey, PublicMarket
from exchanges.venues import Venue
from security.envelope import Binding, KeyRing
from security.errors import SecurityError
from security.redaction import Redactor
from storage import credentials, leases, runtime
from storage import orders as order_store
from storage.commands import COMMANDS, commands_for
from storage.credentials import CredentialMissing
from storage.database import Database, Role
from storage.errors import DATABASE_ERRORS
from storage.fleet import controls_for
from storage.notifications import listen
from trading.events import Assignment, Checkpoint, CommandReceived, Event, Snapshot
from trading.ids import AccountId, ClientOrderId, Symbol
from trading.orders import ApprovedOrder, Outcome, Refused
from trading.strategies import needs

CONNECTIONS = 20
DATABASE_PATIENCE_S = 5.0
INTERVAL_S = 30.0
LOOKS_PER_S_MAX = 2.0
"""All accounts share one request budget: the more there are, the more rarely each is looked at for no reason."""
SOCKETS_MAX, SOCKETS_INTERVAL_S = 250, 300.0
"""Binance lets an address open 300 in five minutes; market data opens some too."""
BALANCES_INTERVAL_S = 1.0
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
        self._sockets = Sockets(SOCKETS_MAX, SOCKETS_INTERVAL_S)
        self._database = Database(
            config.database_url.read(), Role.FLEET, pool_size=CONNECTIONS, patience_s=DATABASE_PATIENCE_S
        )
        self._key_ring = KeyRing.parse(config.master_keys.read())
        self._redactor = Redactor()
        set_up_logs(config.log_level, self._redactor)
        self._desks: dict[AccountId, AccountDesk] = {}
        self._running: dict[AccountId, asyncio.Task[None]] = {}
        self._opening: dict[AccountId, asyncio.Lock] = {}
        self._mailboxes: dict[str, Mailbox] = {}

    @classmethod
    async def start(cls, config: FleetConfig, venue: str) -> "Desks":
        opened = Venue(config.venue(venue), receive_window_ms=config.receive_window_ms)
        # One line for accounts and public requests: they share an address, its request budget and the venue's clock.
        return cls(config, opened, await opened.public())

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._clock.keep_measuring())
            group.create_task(self._show_balances())
            group.create_task(self._hear_commands())

    async def stop(self) -> None:
        """Forget every key and close what is open."""
        for account in tuple(self._desks):
            await self._forget(account)
        await self._venue.close()
        await self._database.close()

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
            except KeyRefused as error:
                await self._forget(assignment.account)
                return Denied(code="credentials", reason=str(error))
            except (SecurityError, CredentialMissing) as error:
                return Denied(code="credentials", reason=str(error))
            except VenueError as error:
                return Denied(code="venue", reason=str(error))
            except DATABASE_ERRORS as error:
                return Denied(code="database", reason=f"our database did not answer ({type(error).__name__})")

    async def _open(self, assignment: Assignment, host: str) -> Snapshot | Denied:
        if not await self._holds_lease(assignment):
            return Denied(code=FENCED, reason=f"epoch {assignment.epoch} does not hold the lease")
        desk = await self._desk(assignment)
        desk.assignment = assignment
        desk.symbols = frozenset(needs(assignment.strategy, assignment.params).symbols)
        desk.host = host

        def deliver(event: Event | NewsLost) -> None:
            self.mailbox(host).put(assignment.account, event)

        desk.deliver = deliver
        self._throw_away_mailboxes()
        await desk.agreed()
        await self._pass_on_commands(assignment.account)
        return await self._snapshot(desk)

    async def _desk(self, assignment: Assignment) -> AccountDesk:
        """The account's desk, opened with the key that is valid now."""
        account = assignment.account
        async with self._database.transaction() as tx:
            facts = await credentials.describe(tx, account)
            sealed = await credentials.read(tx, account)
        desk = self._desks.get(account)
        if desk is not None and facts is not None and desk.key_version == facts.version:
            return desk
        await self._forget(account)
        binding = Binding(user=assignment.user, account=account, venue=assignment.venue)
        key = msgspec.json.decode(self._key_ring.open(sealed, binding), type=ApiKey)
        self._redactor.register(key.secret)
        await self._clock.ensure_measured()
        desk = AccountDesk(
            assignment=assignment,
            account=await self._venue.account(key, tenant=assignment.user),
            key_version=facts.version if facts is not None else 0,
            database=self._database,
            clock=self._clock,
            sockets=self._sockets,
            interval_s=self._interval_s,
        )
        self._desks[account] = desk
        self._running[account] = asyncio.create_task(self._keep(desk))
        return desk

    def _interval_s(self) -> float:
        return max(INTERVAL_S, len(self._desks) / LOOKS_PER_S_MAX)

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

    async def _hear_commands(self) -> None:
        """Pass on what owners ask of their running strategies; an empty word means that some may have gone unheard."""
        async for account in listen(self._config.database_url.read(), COMMANDS):
            for each in [AccountId(account)] if account else tuple(self._desks):
                try:
                    await self._pass_on_commands(each)
                except DATABASE_ERRORS as error:
                    # They are in the database, and are passed on when the account is opened again at the latest.
                    log.warning("commands not passed on", account=each, error=type(error).__name__)

    async def _pass_on_commands(self, account: AccountId) -> None:
        desk = self._desks.get(account)
        if desk is None:
            return
        async with self._database.transaction() as tx:
            commands = await commands_for(tx, account)
        for command in commands:
            desk.deliver(CommandReceived(command))

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
        if desk is None or desk.assignment.epoch != assignment.epoch:
            return
        try:
            if not await self._holds_lease(assignment):
                return
        except DATABASE_ERRORS as error:
            # As far as we know it holds it, and a way out is not to be shut by troubles of our own.
            log.warning("cancelling without a lease check", account=assignment.account, error=type(error).__name__)
        await desk.cancel(orders)

    async def close(self, assignment: Assignment) -> None:
        """This trader has ended: forget the key, unless another trader works with it by now."""
        async with self._opening.setdefault(assignment.account, asyncio.Lock()):
            desk = self._desks.get(assignment.account)
            if desk is not None and desk.assignment.epoch <= assignment.epoch:
                await self._forget(assignment.account)

    async def _forget(self, account: AccountId) -> None:
        desk = self._desks.pop(account, None)
        if desk is not None:
            running = self._running.pop(account)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await desk.close()

    async def _holds_lease(self, assignment: Assignment) -> bool:
        async with self._database.transaction() as tx:
            held = await leases.renew(tx, [(assignment.account, assignment.epoch)], self._config.lease_ttl_s)
        return assignment.account in held

    async def _show_balances(self) -> None:
        """Keep the balances that people see no more than a moment old, without a write for every fill."""
        while True:
            await asyncio.sleep(BALANCES_INTERVAL_S)
            # In one order, as others write these rows in batches too.
            changed = sorted((desk for desk in self._desks.values() if desk.unshown), key=lambda desk: desk.account)
            for desk in changed:
                desk.unshown = False
            try:
                async with self._database.transaction() as tx:
                    for desk in changed:
                        balances, now = dict(desk.balances), datetime.now(UTC)
                        await runtime.set_balances(tx, desk.account, desk.assignment.user, balances, now)
            except DATABASE_ERRORS as error:
                log.warning("balances not shown", error=type(error).__name__)
                for desk in changed:
                    desk.unshown = True

    def _throw_away_mailboxes(self) -> None:
        for host in [host for host, mailbox in self._mailboxes.items() if mailbox.forsaken]:
            if all(desk.host != host for desk in self._desks.values()):
                del self._mailboxes[host]
