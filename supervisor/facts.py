"""What is known when a plan is made: what should run, what does, and what went wrong lately."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from supervisor.restarts import Failures, RestartPolicy
from trading.events import CloseMode
from trading.ids import AccountId


class Isolation(StrEnum):
    DEDICATED = "dedicated"
    SHARED = "shared"


class WantedAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account that its owner wants to trade."""

    account: AccountId
    revision: str
    """Names what its trader was made from (strategy version, key version): another one means a new trader."""
    isolation: Isolation = Isolation.DEDICATED
    closing: CloseMode | None = None
    """Its run is to end this way. Until it has, the account is wanted, so that somebody sees to it."""


class PlacedAccount(msgspec.Struct, frozen=True, kw_only=True):
    account: AccountId
    revision: str
    leaving: bool = False
    """It was told to go, and has not gone yet."""
    closing: CloseMode | None = None
    """How its trader was last told to close."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A trader host that lives or is being started. Its accounts are those it was given, trading or not yet."""

    host: str
    isolation: Isolation
    accounts: tuple[PlacedAccount, ...]
    node: str | None = None
    started_at: datetime | None = None
    """None while it is being started: it can be stopped, and told nothing else."""
    leaving: bool = False


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """A living machine of the cluster."""

    node: str
    draining: bool = False
    """Its hosts are to move to others, and it gets no new one."""


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    hosts: tuple[Host, ...]
    services: frozenset[str]
    nodes: tuple[Node, ...] = ()
    """None: hosts are started wherever the cluster likes."""
    quarantined: frozenset[AccountId] = frozenset()
    held: frozenset[AccountId] = frozenset()
    """Accounts that nobody may be given now: the lease of whoever had them has not run out, or they are just ending."""
    noisy: frozenset[AccountId] = frozenset()
    """Accounts that disturb others in the same process."""
    account_failures: Mapping[AccountId, Failures] = {}
    service_failures: Mapping[str, Failures] = {}
    renew_before: datetime | None = None
    """Hosts that were started before that are to be replaced, some at a time."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    accounts_per_host_max: int = 50
    accounts_per_node_max: int | None = None
    moves_at_once_max: int = 4
    """How many hosts may be on the move at any time when a node is drained or hosts are renewed."""
    restarts: RestartPolicy = RestartPolicy()
