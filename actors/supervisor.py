"""The supervisor: brings the fleet from what is to what should be, one plan after the other."""

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from actors import handles
from actors.config import FleetConfig
from actors.failings import Failings
from actors.handles import ActorName, ClusterSilent
from actors.hosts import Hosts
from actors.logs import set_up_logs
from actors.register import Departure, Register, Wishes
from actors.services import Services
from storage.errors import DATABASE_ERRORS
from storage.notifications import listen
from storage.runtime import QUARANTINED
from supervisor.actions import Action, Assign, Close, Quarantine, StartHost, StartService, StopHost, Withdraw
from supervisor.facts import Isolation, Limits, Node, Observed, WantedAccount
from supervisor.fleet import plan
from trading.ids import AccountId

PLAN_INTERVAL_S = 1.0
PLAN_PAUSE_S = 0.02
"""What happens at the same time is planned for together."""
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
        self._limits = Limits(
            accounts_per_host_max=config.accounts_per_host_max, accounts_per_node_max=config.accounts_per_node_max
        )
        self._wake = asyncio.Event()
        self._stopping = False
        self._leading = False
        self._tasks: asyncio.TaskGroup | None = None
        self._account_failings = Failings[AccountId](self._limits.restarts)
        self._service_failings = Failings[str](self._limits.restarts)
        self._register = Register(config)
        self._services = Services(config, self._service_failings, self._spawn, self._wake.set)
        self._hosts = Hosts(config, self._register, self._account_failings, self._spawn, self._wake.set)

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
                except ClusterSilent as error:
                    log.warning("no plan without the cluster", reason=str(error))
                await self._pause()
            listening.cancel()

    async def pid(self) -> int:
        return handles.process()[0]

    async def status(self) -> Mapping[str, Any]:
        return {
            "leading": self._leading,
            "hosts": {host.host: [str(placed.account) for placed in host.accounts] for host in self._hosts.facts()},
            "nodes": {host.host: host.node for host in self._hosts.facts()},
            "services": sorted(self._services.running),
        }

    async def stop(self) -> None:
        """End every trader, host and service, in that order. Open orders stay at the venue."""
        self._stopping = True
        self._wake.set()
        await self._hosts.stop_all()
        await self._services.stop()
        try:
            await self._register.settle()
        except DATABASE_ERRORS as error:
            # The leases run out by themselves.
            log.warning("the end was not written down", error=type(error).__name__)

    async def _step(self) -> None:
        if not await self._register.lead():
            self._leading = False
            return
        if not self._leading:
            self._services.adopt()
            await self._hosts.adopt()
            self._leading = True
        await self._register.settle()
        wishes = await self._register.look()
        nodes = await handles.nodes()
        if self._stopping:
            return
        # From here to the last action nothing is awaited: what was observed is still so.
        seen, now = self._observed(wishes, nodes), datetime.now(UTC)
        for action in plan(_wanted(wishes), self._services.wanted(), seen, now, self._limits):
            self._act(action)

    def _observed(self, wishes: Wishes, nodes: frozenset[str]) -> Observed:
        return Observed(
            hosts=self._hosts.facts(),
            services=self._services.running,
            nodes=tuple(Node(node=node) for node in sorted(nodes)),
            quarantined=wishes.quarantined,
            held=wishes.held | self._register.departing,
            account_failures=self._account_failings.recent(),
            service_failures=self._service_failings.recent(),
        )

    def _act(self, action: Action) -> None:
        match action:
            case StartService(service):
                self._services.start(ActorName(service))
            case StartHost():
                self._hosts.start(action)
            case Assign():
                self._hosts.assign(action.host, action.accounts)
            case Close():
                self._hosts.close(action.host, action.account, action.mode)
            case Withdraw():
                self._hosts.withdraw(action.host, action.accounts)
            case StopHost(host):
                self._hosts.stop(host)
            case Quarantine(account=account, reason=reason):
                log.error("account quarantined", account=account, reason=reason)
                self._account_failings.forgive(account)
                user = self._register.desired[account].user
                self._register.depart(Departure(account=account, user=user, state=QUARANTINED, reason=reason))
                self._wake.set()

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
        await asyncio.sleep(PLAN_PAUSE_S)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None, "the supervisor acts only while it runs"
        self._tasks.create_task(work)


def _wanted(wishes: Wishes) -> dict[AccountId, WantedAccount]:
    return {
        account: WantedAccount(
            account=account, revision=row.revision, isolation=Isolation(row.isolation), closing=row.closing
        )
        for account, row in wishes.desired.items()
    }
