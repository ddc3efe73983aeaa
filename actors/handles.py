"""Every Ray call is made here: names, starts, look-ups, calls. The layers above see plain async methods.

A call that fails because the actor is gone raises `ActorGone`, and nothing is retried here: Ray may report a dead actor
for a call that did run, so whether to ask again is the caller's to know.
"""

import asyncio
import contextlib
import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NewType, TypeVar

import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorUnavailableError, ActorUnschedulableError, RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.messages import Denied, Heartbeat, HostReport, LedgerBatch, NewsLost, TraderEnded
from trading.events import Answer, Assignment, Checkpoint, CloseMode, Event, Question, Snapshot
from trading.ids import AccountId, ClientOrderId, Symbol, VenueName
from trading.instruments import Instrument
from trading.market import Quote
from trading.orders import ApprovedOrder, Outcome

NAMESPACE = "tradefleet"
FIND_INTERVAL_S = 0.1
DEATH_TIMEOUT_S = 10.0
CLUSTER_TIMEOUT_S = 5.0

IDENTIFIES = ("class_name:", "actor_id:", "pid:", "name:", "namespace:", "ip:")

Answered = TypeVar("Answered")

ActorName = NewType("ActorName", str)
SUPERVISOR = ActorName("supervisor")


def gateway_name(venue: VenueName) -> ActorName:
    return ActorName(f"gateway:{venue}")


def market_name(venue: VenueName) -> ActorName:
    return ActorName(f"market:{venue}")


def ledger_name() -> ActorName:
    return ActorName("ledger")


def confirmation_name() -> ActorName:
    return ActorName("confirmation")


HOST_PREFIX = "host:"


class CallError(Exception):
    """Base of what a call to an actor may raise."""


class ActorGone(CallError):
    """The actor is dead. Whether it had carried out the call is not known."""


class ActorSilent(CallError):
    """The actor cannot be reached. Whether it lives, and whether it carried out the call, is not known."""


class CallFailed(CallError):
    """The actor lives, and raised an error that was not meant for the caller. Its own log has the traceback."""


class ClusterSilent(CallError):
    """The cluster itself does not answer."""


class NameTaken(CallError):
    """An actor of that name exists already."""


class Handle:
    """One actor. Wraps what Ray raises; knows nothing of what is called."""

    def __init__(self, actor: ActorHandle) -> None:
        self._actor = actor

    async def _call(self, method: str, *args: Any) -> Any:
        try:
            return await getattr(self._actor, method).remote(*args)
        except ActorUnavailableError as error:
            raise ActorSilent(_line(error)) from error
        except (RayActorError, ActorUnschedulableError) as error:
            raise ActorGone(_line(error)) from error
        except RayTaskError as error:
            raise CallFailed(f"{method}: {error.cause!r}") from error

    async def pid(self) -> int:
        pid: int = await self._call("pid")
        return pid

    def kill(self) -> None:
        """End the process at once. Its name is free afterwards."""
        ray.kill(self._actor)

    async def end(self) -> bool:
        """Kill, and wait until Ray says that it is dead. False when Ray does not say so in time."""
        self.kill()
        try:
            async with asyncio.timeout(DEATH_TIMEOUT_S):
                while True:
                    with contextlib.suppress(ActorSilent, CallFailed):
                        await self.pid()
                    await asyncio.sleep(FIND_INTERVAL_S)
        except ActorGone:
            return True
        except TimeoutError:
            return False


class SupervisorHandle(Handle):
    async def run(self) -> None:
        """Returns when the supervisor has been told to stop; raises `ActorGone` the moment it dies."""
        await self._call("run")

    async def status(self) -> Mapping[str, Any]:
        status: Mapping[str, Any] = await self._call("status")
        return status

    async def stop(self) -> None:
        """Stop every host and service, in order; their orders stay at the venue."""
        await self._call("stop")


class ServiceHandle(Handle):
    async def watch(self) -> None:
        """Never returns while the service lives; raises `ActorGone` the moment it dies."""
        await self._call("watch")


class GatewayHandle(ServiceHandle):
    async def open(self, assignment: Assignment, host: str) -> Snapshot | Denied:
        answer: Snapshot | Denied = await self._call("open", assignment, host)
        return answer

    async def submit(
        self, assignment: Assignment, orders: tuple[ApprovedOrder, ...], checkpoint: Checkpoint
    ) -> tuple[Outcome, ...]:
        outcomes: tuple[Outcome, ...] = await self._call("submit", assignment, orders, checkpoint)
        return outcomes

    async def cancel(self, assignment: Assignment, orders: tuple[tuple[Symbol, ClientOrderId], ...]) -> None:
        await self._call("cancel", assignment, orders)

    async def news(self, host: str) -> Sequence[tuple[AccountId, Event | NewsLost]]:
        """Waits for news of the host's accounts, and returns all there is. Empty after a while without any."""
        news: Sequence[tuple[AccountId, Event | NewsLost]] = await self._call("news", host)
        return news

    async def close(self, assignment: Assignment) -> None:
        """This trader has ended. Does nothing when another one trades the account by now."""
        await self._call("close", assignment)


class MarketHandle(ServiceHandle):
    async def stream(self) -> tuple[str, int, str]:
        """Where the tick stream is served, and the token that opens it."""
        address: tuple[str, int, str] = await self._call("stream")
        return address

    async def instruments(self, symbols: Sequence[Symbol]) -> Mapping[Symbol, Instrument]:
        instruments: Mapping[Symbol, Instrument] = await self._call("instruments", tuple(symbols))
        return instruments

    async def quotes(self, symbols: Sequence[Symbol]) -> Sequence[Quote]:
        quotes: Sequence[Quote] = await self._call("quotes", tuple(symbols))
        return quotes

    async def ticks(self) -> int:
        ticks: int = await self._call("ticks")
        return ticks


class LedgerHandle(ServiceHandle):
    async def write(self, batch: LedgerBatch) -> None:
        """Returns when the batch is committed."""
        await self._call("write", batch)

    async def beat(self, host: str, beats: Sequence[Heartbeat]) -> frozenset[AccountId]:
        """Renew the leases and tell the world how the accounts are. Returns those whose lease is still the host's."""
        held: frozenset[AccountId] = await self._call("beat", host, tuple(beats))
        return held


class ConfirmationHandle(ServiceHandle):
    async def answer(self, question: Question) -> Answer:
        """Never an error of the model's: no answer in time is an answer that says so."""
        answer: Answer = await self._call("answer", question)
        return answer


class HostHandle(Handle):
    def __init__(self, actor: ActorHandle, name: str) -> None:
        super().__init__(actor)
        self.name = name

    async def report(self) -> HostReport:
        report: HostReport = await self._call("report")
        return report

    async def watch(self, after: int) -> tuple[int, Sequence[TraderEnded]]:
        """Traders that ended by themselves since that number, and the number they reach to; nothing after some seconds.

        Raises `ActorGone` the moment the host dies.
        """
        ended: tuple[int, Sequence[TraderEnded]] = await self._call("watch", after)
        return ended

    async def assign(self, assignments: Sequence[tuple[Assignment, str]]) -> None:
        await self._call("assign", tuple(assignments))

    async def close(self, account: AccountId, mode: CloseMode) -> None:
        """Have that account's run end. Its trader says when it has: `watch` brings that it is closed."""
        await self._call("close", account, mode)

    async def withdraw(self, accounts: Sequence[AccountId]) -> None:
        """Returns when those traders have ended and nothing that they decided is under way any more."""
        await self._call("withdraw", tuple(accounts))


def _line(error: Exception) -> str:
    """The cause of a death in one line. Ray says it below what identifies the actor, and adds advice."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines[1:] if not line.startswith(IDENTIFIES)] or lines
    return told[0].partition(" Some common causes")[0] if told else type(error).__name__


def _options(name: str) -> dict[str, Any]:
    # Restarts are the supervisor's, with its budget; Ray's own would bring back a process behind our back. A call is
    # never retried by Ray: it may have run. `num_cpus=0`: how many fit is the supervisor's to say, not a core count.
    return {
        "name": name,
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "max_restarts": 0,
        "max_task_retries": 0,
        "num_cpus": 0,
        "max_concurrency": 1000,
    }


def _actor(name: str) -> ActorHandle | None:
    try:
        return ray.get_actor(name, namespace=NAMESPACE)
    except ValueError:
        return None


async def _find(name: str) -> ActorHandle:
    while (actor := _actor(name)) is None:  # noqa: ASYNC110
        await asyncio.sleep(FIND_INTERVAL_S)  # Ray tells nobody when a name appears
    return actor


async def find_gateway(venue: VenueName) -> GatewayHandle:
    """The venue's gateway; waits for the supervisor to bring one."""
    return GatewayHandle(await _find(gateway_name(venue)))


async def find_market(venue: VenueName) -> MarketHandle:
    return MarketHandle(await _find(market_name(venue)))


async def find_ledger() -> LedgerHandle:
    return LedgerHandle(await _find(ledger_name()))


def confirmation() -> ConfirmationHandle | None:
    """The one that is there. A question does not wait for one: late is as good as no."""
    actor = _actor(confirmation_name())
    return None if actor is None else ConfirmationHandle(actor)


def service(name: ActorName) -> ServiceHandle | None:
    actor = _actor(name)
    return None if actor is None else ServiceHandle(actor)


def supervisor() -> SupervisorHandle | None:
    actor = _actor(SUPERVISOR)
    return None if actor is None else SupervisorHandle(actor)


async def nodes() -> frozenset[str]:
    """The machines of the cluster that live, by their ids."""
    found = await _ask(ray.nodes)
    return frozenset(node["NodeID"] for node in found if node["Alive"])


async def hosts() -> list[HostHandle]:
    """Every trader host that has a name in the cluster, whoever started it."""
    return await _ask(_hosts)


async def _ask(question: Callable[[], Answered]) -> Answered:
    """Ray answers these while it holds up the whole thread."""
    try:
        async with asyncio.timeout(CLUSTER_TIMEOUT_S):
            return await asyncio.to_thread(question)
    except TimeoutError:
        raise ClusterSilent(f"Ray has not answered for {CLUSTER_TIMEOUT_S:g} s") from None


def _hosts() -> list[HostHandle]:
    named = [
        entry["name"] for entry in ray.util.list_named_actors(all_namespaces=True) if entry["namespace"] == NAMESPACE
    ]
    found = [(name, _actor(name)) for name in named if name.startswith(HOST_PREFIX)]
    return [HostHandle(actor, name) for name, actor in found if actor is not None]


def names() -> list[str]:
    """Every actor of ours that has a name in the cluster."""
    entries = ray.util.list_named_actors(all_namespaces=True)
    return sorted(entry["name"] for entry in entries if entry["namespace"] == NAMESPACE)


def start(actor_class: type, name: str, *args: Any, node: str | None = None) -> ActorHandle:
    """Start a named actor, on that node if one is named. `NameTaken` when there is one of that name, alive or not yet
    buried."""
    options = _options(name)
    if node is not None:
        options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(node, soft=False)
    try:
        return _remote(actor_class).options(**options).remote(*args)
    except ValueError as error:
        raise NameTaken(name) from error


@functools.cache
def _remote(actor_class: type) -> Any:
    # Made once a class: Ray disassembles and exports a class anew for each of these.
    return ray.remote(actor_class)


def node_address() -> str:
    """The address under which other nodes of the cluster reach this process."""
    address: str = ray.util.get_node_ip_address()
    return address


def process() -> tuple[int, str]:
    """This process's id and its node's."""
    return os.getpid(), ray.get_runtime_context().get_node_id()
