"""The trader hosts as the supervisor knows them: brought up, watched, given accounts and relieved of them."""

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import structlog

from actors import handles
from actors.config import FleetConfig
from actors.failings import Failings
from actors.handles import ActorSilent, CallError, ClusterSilent, HostHandle
from actors.messages import HostReport, TraderEnded
from actors.register import Departure, Register
from actors.trader_host import TraderHost
from storage.errors import DATABASE_ERRORS
from storage.runtime import QUARANTINED
from supervisor.actions import StartHost
from supervisor.facts import Host, Isolation, PlacedAccount, WantedAccount
from trading.events import Assignment, CloseMode
from trading.ids import AccountId, Epoch, UserId

START_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 10.0
SILENCE_S = 15.0
"""A host that is watched says something every few seconds."""
TRIES = 2
"""One silence may be our own: a process that stood still finds all its timeouts passed when it wakes up."""

log = structlog.get_logger()


class Place(msgspec.Struct, kw_only=True):
    """An account in a host."""

    revision: str
    user: UserId | None = None
    epoch: Epoch | None = None
    """Both None while its lease has not been taken."""
    leaving: bool = False
    closing: CloseMode | None = None


class HostEntry(msgspec.Struct, kw_only=True, eq=False):
    name: str
    isolation: Isolation
    places: dict[AccountId, Place]
    node: str | None = None
    handle: HostHandle | None = None
    started_at: datetime | None = None
    leaving: bool = False

    def facts(self) -> Host:
        return Host(
            host=self.name,
            isolation=self.isolation,
            node=self.node,
            started_at=self.started_at,
            leaving=self.leaving,
            accounts=tuple(
                PlacedAccount(account=account, revision=place.revision, leaving=place.leaving, closing=place.closing)
                for account, place in self.places.items()
            ),
        )

    def fill(self, assignments: Iterable[tuple[Assignment, str]]) -> None:
        for assignment, revision in assignments:
            self.places[assignment.account] = Place(revision=revision, user=assignment.user, epoch=assignment.epoch)


class Hosts:
    """Everything here may fail half-way: what is in `facts` is what the next plan begins with, whatever happened."""

    def __init__(
        self,
        config: FleetConfig,
        register: Register,
        failings: Failings[AccountId],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        wake: Callable[[], None],
    ) -> None:
        self._config = config
        self._register = register
        self._failings = failings
        self._spawn = spawn
        self._wake = wake
        self._entries: dict[str, HostEntry] = {}
        self._starting = asyncio.Semaphore(config.starts_at_once_max)

    def facts(self) -> tuple[Host, ...]:
        return tuple(entry.facts() for entry in self._entries.values())

    def start(self, action: StartHost) -> None:
        name = f"{handles.HOST_PREFIX}{secrets.token_hex(6)}"
        places = {want.account: Place(revision=want.revision) for want in action.accounts}
        entry = HostEntry(name=name, isolation=action.isolation, places=places, node=action.node)
        self._entries[name] = entry
        self._spawn(self._bring_up(entry))

    def assign(self, host: str, accounts: Sequence[WantedAccount]) -> None:
        entry = self._entries[host]
        entry.places |= {want.account: Place(revision=want.revision) for want in accounts}
        self._spawn(self._assign(entry, [want.account for want in accounts]))

    def withdraw(self, host: str, accounts: Sequence[AccountId]) -> None:
        entry = self._entries[host]
        for account in accounts:
            entry.places[account].leaving = True
        self._spawn(self._withdraw(entry, accounts))

    def close(self, host: str, account: AccountId, mode: CloseMode) -> None:
        entry = self._entries[host]
        entry.places[account].closing = mode
        self._spawn(self._close(entry, account, mode))

    def stop(self, host: str) -> None:
        entry = self._entries[host]
        entry.leaving = True
        self._spawn(self._stop(entry))

    async def stop_all(self) -> None:
        for entry in self._entries.values():
            entry.leaving = True
        await asyncio.gather(*(self._stop(entry) for entry in tuple(self._entries.values())))

    async def adopt(self) -> None:
        """Take over what a predecessor left running. What does not answer is ended, so that it can be replaced."""
        found = await handles.hosts()
        await asyncio.gather(*(self._adopt(host) for host in found if host.name not in self._entries))

    async def _adopt(self, host: HostHandle) -> None:
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                report = await host.report()
        except (CallError, TimeoutError) as error:
            log.warning("host not adopted", host=host.name, reason=repr(error))
            await host.end()
            return
        entry = HostEntry(
            name=host.name, isolation=Isolation.SHARED if report.shared else Isolation.DEDICATED, places={}, handle=host
        )
        self._entries[host.name] = entry
        self._is_up(entry, report)
        log.info("host adopted", host=host.name, accounts=len(entry.places))

    async def _bring_up(self, entry: HostEntry) -> None:
        async with self._starting:
            assignments: tuple[tuple[Assignment, str], ...] = ()
            if not entry.leaving:
                try:
                    assignments = await self._register.take(entry.name, entry.places)
                except DATABASE_ERRORS as error:
                    log.warning("host not started", host=entry.name, error=type(error).__name__)
            entry.places = {}
            entry.fill(assignments)
            if entry.leaving or not entry.places:
                self._forget(entry, "starting", certain=True)
                return
            shared = entry.isolation is Isolation.SHARED
            try:
                actor = handles.start(
                    TraderHost, entry.name, entry.name, self._config, assignments, shared, node=entry.node
                )
                entry.handle = HostHandle(actor, entry.name)
                async with asyncio.timeout(START_TIMEOUT_S):
                    report = await entry.handle.report()
            except (CallError, TimeoutError) as error:
                await self._lost(entry, f"its host did not start: {error!r}")
                return
        if not entry.leaving:
            self._is_up(entry, report)
            self._wake()

    def _is_up(self, entry: HostEntry, report: HostReport) -> None:
        entry.node = report.node
        entry.started_at = report.started_at
        entry.fill(report.accounts)
        self._spawn(self._watch(entry))

    async def _watch(self, entry: HostEntry) -> None:
        """Hear of traders that end, until the host itself does."""
        assert entry.handle is not None
        after = silences = 0
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    after, ended = await entry.handle.watch(after)
            except (TimeoutError, ActorSilent):
                silences += 1
                if silences >= TRIES:
                    await self._lost(entry, "its host did not answer")
                    return
            except CallError as error:
                await self._lost(entry, f"its host died: {error}")
                return
            else:
                silences = 0
                for each in ended:
                    self._see_off(entry, each)

    async def _lost(self, entry: HostEntry, reason: str) -> None:
        if entry.leaving:
            return  # it was ended on purpose
        entry.leaving = True
        log.warning("host lost", host=entry.name, reason=reason)
        certain = await self._end(entry)
        for account in entry.places:
            self._failings.add(account, reason, with_host=True)
        self._forget(entry, "recovering", reason, certain=certain)
        self._wake()

    def _see_off(self, entry: HostEntry, ended: TraderEnded) -> None:
        place = entry.places.get(ended.account)
        if place is None or place.user is None or place.epoch != ended.epoch:
            return  # an earlier trader's end, which was dealt with
        if ended.closed:
            log.info("run closed", account=ended.account, reason=ended.reason)
            place.leaving = True
            self._spawn(self._withdraw(entry, [ended.account], closed=True))
            return
        log.warning("trader ended", account=ended.account, reason=ended.reason)
        del entry.places[ended.account]
        state = QUARANTINED if ended.quarantine else "recovering"
        if ended.quarantine:
            self._failings.forgive(ended.account)
        elif not ended.fenced:
            self._failings.add(ended.account, ended.reason)
        self._register.depart(
            Departure(account=ended.account, user=place.user, state=state, reason=ended.reason, epoch=place.epoch)
        )
        self._wake()

    async def _assign(self, entry: HostEntry, accounts: Sequence[AccountId]) -> None:
        assert entry.handle is not None
        assignments: tuple[tuple[Assignment, str], ...] = ()
        try:
            assignments = await self._register.take(entry.name, accounts)
            entry.fill(assignments)
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await entry.handle.assign(assignments)
        except DATABASE_ERRORS as error:
            log.warning("accounts not taken", host=entry.name, error=type(error).__name__)
        except (CallError, TimeoutError) as error:
            # It may hold them or not. One that is dead or cut off is soon found out; one that lives is better asked.
            log.warning("accounts not assigned", host=entry.name, error=repr(error))
            assignments = await self._holds(entry, assignments)
        given = {assignment.account for assignment, _ in assignments}
        for account in set(accounts) - given:
            self._vacate(entry, account, "starting")
        self._wake()

    async def _holds(
        self, entry: HostEntry, assignments: Sequence[tuple[Assignment, str]]
    ) -> tuple[tuple[Assignment, str], ...]:
        assert entry.handle is not None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                report = await entry.handle.report()
        except (CallError, TimeoutError):
            return tuple(assignments)
        held = {(assignment.account, assignment.epoch) for assignment, _ in report.accounts}
        return tuple(pair for pair in assignments if (pair[0].account, pair[0].epoch) in held)

    async def _withdraw(self, entry: HostEntry, accounts: Sequence[AccountId], *, closed: bool = False) -> None:
        assert entry.handle is not None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await entry.handle.withdraw(accounts)
        except (CallError, TimeoutError) as error:
            log.warning("accounts not withdrawn", host=entry.name, error=repr(error))
            for place in (entry.places[account] for account in accounts if account in entry.places):
                place.leaving, place.closing = False, None  # said again by the next plan
            return
        for account in accounts:
            self._vacate(entry, account, "stopped" if closed else self._state_after(account), closed=closed)
        self._wake()

    async def _close(self, entry: HostEntry, account: AccountId, mode: CloseMode) -> None:
        assert entry.handle is not None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await entry.handle.close(account, mode)
        except (CallError, TimeoutError) as error:
            log.warning("not told to close", account=account, error=repr(error))
            if account in entry.places:
                entry.places[account].closing = None

    async def _stop(self, entry: HostEntry) -> None:
        if entry.handle is None:
            return  # whoever is about to bring it up finds that it is leaving
        in_order = True
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await entry.handle.withdraw(tuple(entry.places))
        except (CallError, TimeoutError) as error:
            log.warning("host did not end in order", host=entry.name, error=repr(error))
            in_order = False
        certain = await self._end(entry)
        for account in tuple(entry.places):
            self._vacate(entry, account, self._state_after(account), certain=in_order or certain)
        self._forget(entry, "stopped", certain=certain)
        self._wake()

    async def _end(self, entry: HostEntry) -> bool:
        """Whether the process is certainly dead. On a machine that is out of reach it may well live on."""
        if entry.handle is None:
            return True
        dead = await entry.handle.end()
        if entry.started_at is None:
            return dead
        try:
            return dead and entry.node in await handles.nodes()
        except ClusterSilent:
            return False

    def _state_after(self, account: AccountId) -> str:
        return "starting" if account in self._register.desired else "stopped"

    def _forget(self, entry: HostEntry, state: str, reason: str = "", *, certain: bool) -> None:
        for account in tuple(entry.places):
            self._vacate(entry, account, state, reason, certain=certain)
        self._entries.pop(entry.name, None)

    def _vacate(
        self,
        entry: HostEntry,
        account: AccountId,
        state: str,
        reason: str = "",
        *,
        certain: bool = True,
        closed: bool = False,
    ) -> None:
        place = entry.places.pop(account, None)
        if place is None or place.user is None:
            return  # it never had the lease
        self._register.depart(
            Departure(
                account=account,
                user=place.user,
                state=state,
                reason=reason,
                epoch=place.epoch if certain else None,
                closed=closed,
            )
        )
