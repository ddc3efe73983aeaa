"""The services that every trader needs: started, watched, and replaced when they end or fall silent."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from actors import handles
from actors.config import FleetConfig
from actors.confirmation import Confirmation
from actors.failings import Failings
from actors.gateway import VenueGateway
from actors.handles import ActorName, ActorSilent, CallError, ServiceHandle
from actors.ledger import Ledger
from actors.market_data import MarketData

PING_INTERVAL_S = 5.0
SILENCE_S = 15.0
TRIES = 2
"""One silence may be our own: a process that stood still finds all its timeouts passed when it wakes up."""

log = structlog.get_logger()


class Services:
    def __init__(
        self,
        config: FleetConfig,
        failings: Failings[str],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        wake: Callable[[], None],
    ) -> None:
        self._config = config
        self._failings = failings
        self._spawn = spawn
        self._wake = wake
        self._running: dict[ActorName, ServiceHandle] = {}
        self._stopping = False

    @property
    def running(self) -> frozenset[str]:
        return frozenset(self._running)

    def wanted(self) -> frozenset[str]:
        venues = [
            name for address in self._config.venues for name in (f"market:{address.name}", f"gateway:{address.name}")
        ]
        model = [handles.confirmation_name()] if self._config.model is not None else []
        return frozenset({handles.ledger_name(), *venues, *model})

    def adopt(self) -> None:
        """Take over those that a predecessor started."""
        for name in self.wanted() - self._running.keys():
            service = handles.service(ActorName(name))
            if service is not None:
                self._watch(ActorName(name), service)

    def start(self, name: ActorName) -> None:
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
        self._watch(name, ServiceHandle(actor))

    async def stop(self) -> None:
        self._stopping = True
        await asyncio.gather(*(service.end() for service in self._running.values()))
        self._running.clear()

    def _watch(self, name: ActorName, service: ServiceHandle) -> None:
        self._running[name] = service
        self._spawn(self._see_off(name, service))

    async def _see_off(self, name: ActorName, service: ServiceHandle) -> None:
        pinging = asyncio.create_task(self._ping(name, service))
        try:
            await service.watch()
            reason = "it ended by itself"
        except CallError as error:
            reason = str(error)
        pinging.cancel()
        if self._stopping:
            return
        log.warning("service lost", service=name, reason=reason)
        await service.end()
        self._running.pop(name, None)
        self._failings.add(name, reason)
        self._wake()

    async def _ping(self, name: ActorName, service: ServiceHandle) -> None:
        """A process that hangs is worse than one that is dead: nobody hears of it. So it is made one."""
        silences = 0
        while True:
            try:
                async with asyncio.timeout(SILENCE_S):
                    await service.pid()
            except (TimeoutError, ActorSilent):
                silences += 1
            except CallError:
                return  # whoever watches it hears the same
            else:
                silences = 0
            if silences >= TRIES:
                log.warning("service is silent", service=name)
                service.kill()
            await asyncio.sleep(PING_INTERVAL_S)
