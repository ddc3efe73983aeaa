"""The fleet's plan: what should run, what does, and the steps from one to the other.

`plan` is a pure function of facts and is run again after every change, so it never remembers what it planned before:
a step that failed, or was never carried out, is simply planned again.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from supervisor.restarts import Failures, RestartPolicy, is_exhausted, restart_at
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
    closing: CloseMode | None = None
    """How its trader was last told to close."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """A trader host that lives or is being started. Its accounts are those it was given, trading or not yet."""

    host: str
    isolation: Isolation
    accounts: tuple[PlacedAccount, ...]


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    hosts: tuple[Host, ...]
    services: frozenset[str]
    quarantined: frozenset[AccountId] = frozenset()
    account_failures: Mapping[AccountId, Failures] = {}
    service_failures: Mapping[str, Failures] = {}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    accounts_per_host_max: int = 50
    restarts: RestartPolicy = RestartPolicy()


class StartService(msgspec.Struct, frozen=True):
    service: str


class StartHost(msgspec.Struct, frozen=True, kw_only=True):
    isolation: Isolation
    accounts: tuple[WantedAccount, ...]


class Assign(msgspec.Struct, frozen=True, kw_only=True):
    """Give a running shared host further accounts."""

    host: str
    accounts: tuple[WantedAccount, ...]


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """Tell a trader how to end its run."""

    host: str
    account: AccountId
    mode: CloseMode


class Withdraw(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    accounts: tuple[AccountId, ...]


class StopHost(msgspec.Struct, frozen=True):
    """A host that has no account left."""

    host: str


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Leave an account alone until a person releases it."""

    account: AccountId
    reason: str


Action = StartService | StartHost | Assign | Close | Withdraw | StopHost | Quarantine


def plan(
    wanted: Mapping[AccountId, WantedAccount],
    services: frozenset[str],
    observed: Observed,
    now: datetime,
    limits: Limits,
) -> tuple[Action, ...]:
    """The steps to take now. Services come first, because a trader without them cannot trade."""
    actions: list[Action] = []
    for service in sorted(services - observed.services):
        failures = observed.service_failures.get(service, Failures())
        if restart_at(service, failures, now, limits.restarts) <= now:
            actions.append(StartService(service))

    placements = Counter(placed.account for host in observed.hosts for placed in host.accounts)
    placed_well: set[AccountId] = set()
    for host in observed.hosts:
        leaving = tuple(
            placed.account
            for placed in host.accounts
            if not _belongs(placed, wanted, observed) or placements[placed.account] > 1
        )
        placed_well.update(placed.account for placed in host.accounts if placed.account not in leaving)
        actions.extend(
            Close(host=host.host, account=placed.account, mode=mode)
            for placed in host.accounts
            if placed.account not in leaving
            and (mode := wanted[placed.account].closing) is not None
            and mode is not placed.closing
        )
        if len(leaving) == len(host.accounts):
            actions.append(StopHost(host.host))
        elif leaving:
            actions.append(Withdraw(host=host.host, accounts=leaving))

    # An account that is leaving one host is started on another only once it has left: two traders of one account
    # would only fight over its lease.
    missing: list[WantedAccount] = []
    for account in sorted(wanted.keys() - placements.keys() - observed.quarantined):
        failures = observed.account_failures.get(account, Failures())
        if is_exhausted(failures, now, limits.restarts):
            times = f"{len(failures.at)} failures in {limits.restarts.within_s:g} s"
            actions.append(Quarantine(account=account, reason=f"{times}; the last: {failures.reason}"))
        elif restart_at(account, failures, now, limits.restarts) <= now:
            missing.append(wanted[account])
    actions.extend(_place(missing, observed, placed_well, limits))
    return tuple(actions)


def _belongs(placed: PlacedAccount, wanted: Mapping[AccountId, WantedAccount], observed: Observed) -> bool:
    want = wanted.get(placed.account)
    return want is not None and want.revision == placed.revision and placed.account not in observed.quarantined


def _place(
    missing: list[WantedAccount], observed: Observed, placed_well: set[AccountId], limits: Limits
) -> list[Action]:
    """Dedicated accounts get a host each; shared ones fill the hosts there are, the fullest first, then new ones."""
    dedicated = [want for want in missing if want.isolation is Isolation.DEDICATED]
    shared = [want for want in missing if want.isolation is Isolation.SHARED]
    actions: list[Action] = [StartHost(isolation=Isolation.DEDICATED, accounts=(want,)) for want in dedicated]
    hosts = [
        (sum(placed.account in placed_well for placed in host.accounts), host.host)
        for host in observed.hosts
        if host.isolation is Isolation.SHARED and any(placed.account in placed_well for placed in host.accounts)
    ]
    for held, host in sorted(hosts, reverse=True):
        room = limits.accounts_per_host_max - held
        taken, shared = shared[: max(room, 0)], shared[max(room, 0) :]
        if taken:
            actions.append(Assign(host=host, accounts=tuple(taken)))
    actions.extend(
        StartHost(isolation=Isolation.SHARED, accounts=tuple(shared[first : first + limits.accounts_per_host_max]))
        for first in range(0, len(shared), limits.accounts_per_host_max)
    )
    return actions
