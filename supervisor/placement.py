"""Where accounts go: which host has room, and which node gets the next host."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from supervisor.actions import Assign, StartHost
from supervisor.facts import Host, Isolation, Limits, Observed, WantedAccount
from trading.ids import AccountId


class Room:
    """What each node still takes, while a plan uses it up."""

    def __init__(self, observed: Observed, limits: Limits) -> None:
        self._anywhere = not observed.nodes
        self._open = {node.node for node in observed.nodes if not node.draining}
        self._most = limits.accounts_per_node_max
        self._held: Counter[str | None] = Counter()
        for host in observed.hosts:
            self._held[host.node] += len(host.accounts)

    def on(self, node: str | None, accounts: int) -> int:
        """How many of so many accounts this node takes."""
        if not self._anywhere and node not in self._open:
            return 0
        return accounts if self._most is None else max(min(accounts, self._most - self._held[node]), 0)

    def take(self, node: str | None, accounts: int) -> None:
        self._held[node] += accounts

    def emptiest(self) -> list[str | None]:
        """The node for the next host, the one with the fewest accounts; or none."""
        if self._anywhere:
            return [None]
        with_room = [node for node in self._open if self.on(node, 1)]
        return [min(with_room, key=lambda node: (self._held[node], node))] if with_room else []


def place(
    missing: Sequence[WantedAccount], observed: Observed, hosts_lost: Mapping[AccountId, int], limits: Limits
) -> Iterable[Assign | StartHost]:
    """Dedicated accounts get a host each; shared ones fill the hosts there are, the fullest first, then new ones.

    Each time that a host dies, those who were in it are split into smaller groups. Whoever it is that takes hosts down
    is soon alone with it, and has used up its restarts by then; the others trade on.
    """
    room = Room(observed, limits)
    alone = [want for want in missing if must_be_alone(want, observed)]
    shared = [want for want in missing if not must_be_alone(want, observed)]
    trusted = [want for want in shared if not hosts_lost.get(want.account)]
    yield from _start(Isolation.DEDICATED, alone, 1, room)
    for host in sorted(observed.hosts, key=lambda host: (-len(host.accounts), host.host)):
        taken = trusted[: room.on(host.node, _places_left(host, limits))]
        if taken:
            trusted = trusted[len(taken) :]
            room.take(host.node, len(taken))
            yield Assign(host=host.host, accounts=tuple(taken))
    yield from _start(Isolation.SHARED, trusted, limits.accounts_per_host_max, room)
    for lost in sorted(set(hosts_lost.values()) - {0}):
        suspects = [want for want in shared if hosts_lost.get(want.account) == lost]
        yield from _start(Isolation.SHARED, suspects, max(limits.accounts_per_host_max // 4**lost, 1), room)


def must_be_alone(want: WantedAccount, observed: Observed) -> bool:
    return want.isolation is Isolation.DEDICATED or want.account in observed.noisy


def _places_left(host: Host, limits: Limits) -> int:
    """A host that is empty or about to be gets nobody: it is about to end."""
    stays = any(not placed.leaving for placed in host.accounts)
    if host.isolation is Isolation.DEDICATED or host.leaving or host.started_at is None or not stays:
        return 0
    return max(limits.accounts_per_host_max - len(host.accounts), 0)


def _start(isolation: Isolation, wants: Sequence[WantedAccount], size: int, room: Room) -> Iterable[StartHost]:
    """Nothing for those whom no node takes: they wait."""
    while wants and (nodes := room.emptiest()):
        taken = room.on(nodes[0], min(size, len(wants)))
        room.take(nodes[0], taken)
        yield StartHost(isolation=isolation, accounts=tuple(wants[:taken]), node=nodes[0])
        wants = wants[taken:]
