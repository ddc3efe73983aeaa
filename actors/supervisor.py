"""The supervisor: brings the fleet from what is to what should be, one plan after the other."""

import asyncio
import secrets
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from actors import handles
from actors.config import FleetConfig
from actors.confirmation import Confirmation
from actors.gateway import VenueGateway
from actors.handles import ActorName, CallError, HostHandle, ServiceHandle
from actors.ledger import Ledger
from actors.logs import set_up_logs
from actors.market_data import MarketData
from actors.messages import TraderEnded
from actors.trader_host import TraderHost
from storage import fleet as fleet_store
from storage import leases, runtime
from storage.database import Database, Role
from storage.errors import DATABASE_ERRORS
from storage.fleet import DesiredAccount
from storage.notifications import listen
from supervisor.fleet import (
    Action,
    Assign,
    Close,
    Host,
    Isolation,
    Observed,
    PlacedAccount,
    Quarantine,
    StartHost,
    StartService,
    StopHost,
    WantedAccount,
    Withdraw,
    plan,
)
from supervisor.fleet import Limits as FleetLimits
from supervisor.restarts import Failures, add_failure
from trading.events import Assignment, CloseMode
from trading.ids import AccountId

PLAN_INTERVAL_S = 1.0
LEADER_TTL_S = 5.0
ANSWER_TIMEOUT_S = 10.0
FLEET_CHANNEL = "fleet"

log = structlog.get_logger()


class Supervisor:
    """Starts, adopts, replaces and stops hosts and services. Never trades.

    It may die at any moment: hosts go on without it, and its successor finds them by name. Everything that it must
    know is in Postgres or in the hosts themselves; what it keeps here is only what it has seen since it began.
    """

    def __init__(self, config: FleetConfig) -> None:
        set_up_logs(config.log_level)
        self._config = config
        self._limits = FleetLimits(accounts_per_host_max=config.accounts_per_host_max)
        self._database = Database(config.database_url.read(), Role.FLEET)
        self._holder = f"supervisor-{secrets.token_hex(4)}"
        self._hosts: dict[str, HostEntry] = {}
        self._services: dict[ActorName, ServiceHandle] = {}
        self._account_failures: dict[AccountId, Failures] = {}
        self._service_failures: dict[str, Failures] = {}
        self._confirmed_dead: set[AccountId] = set()
        self._desired: Mapping[AccountId, DesiredAccount] = {}
        self._wake = asyncio.Event()
        self._stopping = False
        self._leading = False
        self._starting = asyncio.Semaphore(config.starts_at_once_max)
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Lead, and plan again whenever something changed, until told to stop."""
        async with asyncio.TaskGroup() as self._tasks:
            listening = self._tasks.create_task(self._listen())
            while not self._stopping:
                self._wake.clear()
                try:
                    await self._step()
                except DATABASE_ERRORS as error:
                    log.warning("no plan without the database", error=type(error).__name__)
                await self._pause()
            listening.cancel()
            for entry in self._hosts.values():
                if entry.watching is not None:
                    entry.watching.cancel()

    async def pid(self) -> int:
        return handles.process()[0]

    async def status(self) -> Mapping[str, Any]:
        return {
            "leading": self._leading,
            "hosts": {name: [str(account) for account in entry.accounts] for name, entry in self._hosts.items()},
            "services": sorted(self._services),
        }

    async def stop(self) -> None:
        """End every trader, host and service, in that order. Open orders stay at the venue."""
        self._stopping = True
        self._wake.set()
        await asyncio.gather(*(self._stop_host(name) for name in tuple(self._hosts)))
        for service in self._services.values():
            service.kill()
        self._services.clear()

    async def _step(self) -> None:
        async with self._database.transaction() as tx:
            epoch = await leases.lead(tx, "supervisor", self._holder, LEADER_TTL_S)
        if epoch is None:
            self._leading = False
            return
        if not self._leading:
            await self._adopt()
            self._leading = True
        async with self._database.transaction() as tx:
            self._desired = {row.account: row for row in await fleet_store.desired(tx)}
            quarantined = await runtime.quarantined(tx)
        wanted = {
            account: WantedAccount(
                account=account, revision=row.revision, isolation=Isolation(row.isolation), closing=row.closing
            )
            for account, row in self._desired.items()
        }
        actions = plan(wanted, self._wanted_services(), self._observed(quarantined), _now(), self._limits)
        for action in actions:
            await self._act(action)

    def _wanted_services(self) -> frozenset[str]:
        venues = [
            name for address in self._config.venues for name in (f"market:{address.name}", f"gateway:{address.name}")
        ]
        model = [handles.confirmation_name()] if self._config.model is not None else []
        return frozenset({handles.ledger_name(), *venues, *model})

    def _observed(self, quarantined: frozenset[AccountId]) -> Observed:
        return Observed(
            hosts=tuple(
                Host(
                    host=name,
                    isolation=entry.isolation,
                    accounts=tuple(
                        PlacedAccount(account=account, revision=revision, closing=entry.closing.get(account))
                        for account, revision in entry.accounts.items()
                    ),
                )
                for name, entry in self._hosts.items()
                if not entry.leaving
            ),
            services=frozenset(self._services),
            quarantined=quarantined
            | {account for entry in self._hosts.values() if entry.leaving for account in entry.accounts},
            account_failures=self._account_failures,
            service_failures=self._service_failures,
        )

    async def _act(self, action: Action) -> None:
        match action:
            case StartService(service):
                self._start_service(ActorName(service))
            case StartHost():
                self._start_host(action)
            case Assign():
                entry = self._hosts[action.host]
                entry.accounts |= {want.account: want.revision for want in action.accounts}
                self._spawn(self._assign(entry, action.accounts))
            case Close():
                self._hosts[action.host].closing[action.account] = action.mode
                self._spawn(self._close(action.host, action.account, action.mode))
            case Withdraw():
                self._spawn(self._withdraw(action.host, action.accounts))
            case StopHost(host):
                self._hosts[host].leaving = True
                self._spawn(self._stop_host(host))
            case Quarantine():
                await self._quarantine(action.account, action.reason)

    def _start_service(self, name: ActorName) -> None:
        kind, _, venue = name.partition(":")
        try:
            match kind:
                case "gateway":
                    actor = handles.start(VenueGateway, name, self._config, venue)
                case "market":
                    actor = handles.start(MarketData, name, self._config, venue)
                case "confirmation":
                    actor = handles.start(Confirmation, name, self._config)
                case _:
                    actor = handles.start(Ledger, name, self._config)
        except handles.NameTaken:
            return  # its predecessor is not quite buried yet: the next plan tries again
        self._watch_service(name, ServiceHandle(actor))

    def _watch_service(self, name: ActorName, service: ServiceHandle) -> None:
        self._services[name] = service
        self._spawn(self._see_off_service(name, service))

    async def _see_off_service(self, name: ActorName, service: ServiceHandle) -> None:
        try:
            await service.watch()
            reason = "it ended by itself"
        except CallError as error:
            reason = str(error)
        if self._stopping:
            return
        log.warning("service lost", service=name, reason=reason)
        service.kill()
        del self._services[name]
        failures = self._service_failures.get(name, Failures())
        self._service_failures[name] = add_failure(failures, _now(), reason, self._limits.restarts)
        self._wake.set()

    def _start_host(self, action: StartHost) -> None:
        name = f"{handles.HOST_PREFIX}{secrets.token_hex(6)}"
        entry = HostEntry(
            isolation=action.isolation, accounts={want.account: want.revision for want in action.accounts}
        )
        self._hosts[name] = entry
        self._spawn(self._bring_up(name, entry, action))

    async def _bring_up(self, name: str, entry: "HostEntry", action: StartHost) -> None:
        async with self._starting:
            try:
                assignments = await self._assignments(name, action.accounts)
                entry.accounts = {assignment.account: revision for assignment, revision in assignments}
                if not assignments:
                    del self._hosts[name]
                    return
                async with self._database.transaction() as tx:
                    for assignment, _ in assignments:
                        await runtime.set_state(tx, assignment.account, assignment.user, "starting", host=name)
                shared = action.isolation is Isolation.SHARED
                actor = handles.start(TraderHost, name, name, self._config, assignments, shared)
                self._watch_host(name, HostHandle(actor, name))
                await HostHandle(actor, name).pid()
            except (*DATABASE_ERRORS, CallError) as error:
                if entry.handle is None:
                    # Nothing was started. Somebody who watches a started host counts its failure.
                    log.warning("host not started", host=name, error=repr(error))
                    del self._hosts[name]

    async def _assignments(
        self, holder: str, accounts: tuple[WantedAccount, ...]
    ) -> tuple[tuple[Assignment, str], ...]:
        """Take each account's lease and open its run. An account whose lease is still somebody's is left out."""
        assignments: list[tuple[Assignment, str]] = []
        for want in accounts:
            row = self._desired[want.account]
            async with self._database.transaction() as tx:
                epoch = await leases.grant(
                    tx,
                    want.account,
                    holder,
                    self._config.starting_ttl_s,
                    grace_s=self._config.receive_window_ms / 1000,
                    after_death=want.account in self._confirmed_dead,
                )
                if epoch is None:
                    continue
                run = await fleet_store.open_run(tx, row.account, row.user, row.config_id)
            self._confirmed_dead.discard(want.account)
            assignment = Assignment(
                account=row.account,
                user=row.user,
                venue=row.venue,
                run=run,
                strategy=row.strategy,
                params=row.params,
                epoch=epoch,
                time_zone=row.time_zone,
            )
            assignments.append((assignment, want.revision))
        return tuple(assignments)

    async def _assign(self, entry: "HostEntry", accounts: tuple[WantedAccount, ...]) -> None:
        assert entry.handle is not None
        try:
            assignments = await self._assignments(entry.handle.name, accounts)
            await entry.handle.assign(assignments)
        except (*DATABASE_ERRORS, CallError) as error:
            log.warning("accounts not assigned", host=entry.handle.name, error=repr(error))
            assignments = ()
        given = {assignment.account for assignment, _ in assignments}
        for want in accounts:
            if want.account not in given:
                entry.accounts.pop(want.account, None)

    def _watch_host(self, name: str, host: HostHandle) -> None:
        entry = self._hosts[name]
        entry.handle = host
        assert self._tasks is not None
        entry.watching = self._tasks.create_task(self._see_off_host(name, entry, host))

    async def _see_off_host(self, name: str, entry: "HostEntry", host: HostHandle) -> None:
        """Hear of traders that end, until the host itself does."""
        while True:
            try:
                for ended in await host.watch():
                    await self._see_off_trader(entry, ended)
            except CallError as error:
                if entry.leaving or self._stopping:
                    return
                log.warning("host lost", host=name, reason=str(error))
                host.kill()
                self._hosts.pop(name, None)
                await self._bury(entry.accounts, f"its host died: {error}")
                return

    async def _see_off_trader(self, entry: "HostEntry", ended: TraderEnded) -> None:
        if ended.closed:
            await self._see_off_run(entry, ended)
            return
        if entry.accounts.pop(ended.account, None) is None:
            return
        log.warning("trader ended", account=ended.account, reason=ended.reason)
        if ended.quarantine:
            await self._quarantine(ended.account, ended.reason)
            self._wake.set()
        elif ended.fenced:
            self._wake.set()
        else:
            await self._bury([ended.account], ended.reason)

    async def _see_off_run(self, entry: "HostEntry", ended: TraderEnded) -> None:
        """Its trader has nothing left to do. The run is closed only after it: who comes next begins a new one."""
        assert entry.handle is not None
        log.info("run closed", account=ended.account, reason=ended.reason)
        await self._withdraw(entry.handle.name, (ended.account,))
        try:
            async with self._database.transaction() as tx:
                await fleet_store.close_run(tx, ended.account)
        except DATABASE_ERRORS as error:
            # The run is still there, and still to be closed: the next plan has somebody see to it.
            log.warning("run not closed", account=ended.account, error=repr(error))
        self._wake.set()

    async def _close(self, host: str, account: AccountId, mode: CloseMode) -> None:
        entry = self._hosts.get(host)
        if entry is None or entry.handle is None:
            return
        try:
            await entry.handle.close(account, mode)
        except CallError as error:
            log.warning("not told to close", account=account, error=repr(error))
            entry.closing.pop(account, None)

    async def _bury(self, accounts: "Mapping[AccountId, str] | list[AccountId]", reason: str) -> None:
        """These traders are certainly dead: their leases may be taken over at once."""
        for account in accounts:
            failures = self._account_failures.get(account, Failures())
            self._account_failures[account] = add_failure(failures, _now(), reason, self._limits.restarts)
            self._confirmed_dead.add(account)
        self._wake.set()

    async def _withdraw(self, host: str, accounts: tuple[AccountId, ...]) -> None:
        entry = self._hosts[host]
        assert entry.handle is not None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await entry.handle.withdraw(accounts)
        except (CallError, TimeoutError) as error:
            log.warning("accounts not withdrawn", host=host, error=repr(error))
            return
        for account in accounts:
            entry.accounts.pop(account, None)
            entry.closing.pop(account, None)
        self._confirmed_dead.update(accounts)
        await self._show_stopped(accounts)
        self._wake.set()

    async def _stop_host(self, name: str) -> None:
        entry = self._hosts[name]
        entry.leaving = True
        accounts = tuple(entry.accounts)
        if entry.handle is not None:
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    await entry.handle.withdraw(accounts)
            except (CallError, TimeoutError) as error:
                log.warning("host did not end in order", host=name, error=repr(error))
            entry.handle.kill()
        self._hosts.pop(name, None)
        self._confirmed_dead.update(accounts)
        await self._show_stopped(accounts)
        self._wake.set()

    async def _adopt(self) -> None:
        """Take over what a predecessor left running. What does not answer is ended, so that it can be replaced."""
        for name in self._wanted_services():
            service = handles.service(ActorName(name))
            if service is not None and name not in self._services:
                self._watch_service(ActorName(name), service)
        for host in handles.hosts():
            if host.name in self._hosts:
                continue
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    report = await host.report()
            except (CallError, TimeoutError) as error:
                log.warning("host not adopted", host=host.name, reason=str(error))
                host.kill()
                continue
            isolation = Isolation.SHARED if report.shared else Isolation.DEDICATED
            self._hosts[host.name] = HostEntry(isolation=isolation, accounts=dict(report.revisions))
            self._watch_host(host.name, host)
            log.info("host adopted", host=host.name, accounts=len(report.revisions))

    async def _quarantine(self, account: AccountId, reason: str) -> None:
        """Kept in the database, so that a successor of this supervisor leaves the account alone too."""
        log.error("account quarantined", account=account, reason=reason)
        self._account_failures.pop(account, None)
        async with self._database.transaction() as tx:
            await runtime.set_state(tx, account, self._desired[account].user, runtime.QUARANTINED, reason)

    async def _show_stopped(self, accounts: tuple[AccountId, ...]) -> None:
        try:
            async with self._database.transaction() as tx:
                await runtime.set_stopped(tx, accounts)
        except DATABASE_ERRORS as error:
            log.warning("stop not shown", error=type(error).__name__)

    async def _listen(self) -> None:
        """Plan again as soon as somebody changed what should be."""
        async for _ in listen(self._config.database_url.read(), FLEET_CHANNEL):
            self._wake.set()

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(PLAN_INTERVAL_S):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        assert self._tasks is not None, "the supervisor acts only while it runs"
        self._tasks.create_task(work)


class HostEntry:
    """What the supervisor knows of one host."""

    def __init__(self, *, isolation: Isolation, accounts: dict[AccountId, str]) -> None:
        self.isolation = isolation
        self.accounts = accounts
        self.handle: HostHandle | None = None
        self.watching: asyncio.Task[None] | None = None
        self.leaving = False
        self.closing: dict[AccountId, CloseMode] = {}
        """How traders here were told to close their runs."""


def _now() -> datetime:
    return datetime.now(UTC)
