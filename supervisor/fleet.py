"""The fleet's plan: the steps from what is to what should be.

`plan` is a pure function of facts and is run again after every change, so it never remembers what it planned before:
a step that failed, or was never carried out, is simply planned again.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from supervisor.actions import Action, Close, Quarantine, StartService, StopHost, Withdraw
from supervisor.facts import Host, Isolation, Limits, Observed, PlacedAccount, WantedAccount
from supervisor.placement import Room, must_be_alone, place
from supervisor.restarts import Failures, forget_old, is_exhausted, restart_at
from trading.ids import AccountId

Wanted = Mapping[AccountId, WantedAccount]


def plan(
    wanted: Wanted, services: frozenset[str], observed: Observed, now: datetime, limits: Limits
) -> tuple[Action, ...]:
    """The steps to take now. Services come first, because a trader without them cannot trade."""
    departures = tuple(_departures(wanted, observed, limits))
    return (
        *_missing_services(services, observed, now, limits),
        *departures,
        *_arrivals(wanted, _after(departures, observed), now, limits),
    )


def _missing_services(
    services: frozenset[str], observed: Observed, now: datetime, limits: Limits
) -> Iterable[StartService]:
    for service in sorted(services - observed.services):
        failures = observed.service_failures.get(service, Failures())
        if restart_at(service, failures, now, limits.restarts) <= now:
            yield StartService(service)


def _moving(observed: Observed, limits: Limits) -> frozenset[str]:
    """Hosts to stop so that their accounts begin anew, elsewhere or in a fresh process. Only some at a time, and only
    when there is a place to go."""
    draining = {node.node for node in observed.nodes if node.draining}
    before = observed.renew_before
    due = [
        host.host
        for host in sorted(observed.hosts, key=lambda host: host.host)
        if not host.leaving
        and host.started_at is not None
        and (host.node in draining or (before is not None and host.started_at < before))
    ]
    under_way = sum(host.leaving or host.started_at is None for host in observed.hosts)
    if not Room(observed, limits).emptiest():
        return frozenset()
    return frozenset(due[: max(limits.moves_at_once_max - under_way, 0)])


def _departures(wanted: Wanted, observed: Observed, limits: Limits) -> Iterable[Close | Withdraw | StopHost]:
    moving = _moving(observed, limits)
    placements = Counter(placed.account for host in observed.hosts for placed in host.accounts)
    for host in observed.hosts:
        if host.leaving:
            continue
        here = [placed for placed in host.accounts if not placed.leaving]
        staying = [
            placed for placed in here if placements[placed.account] == 1 and _belongs(placed, host, wanted, observed)
        ]
        going = tuple(placed.account for placed in here if placed not in staying)
        if host.host in moving or len(going) == len(host.accounts):
            yield StopHost(host.host)
        elif host.started_at is not None:
            if going:
                yield Withdraw(host=host.host, accounts=going)
            for placed in staying:
                mode = wanted[placed.account].closing
                if mode is not None and mode is not placed.closing:
                    yield Close(host=host.host, account=placed.account, mode=mode)


def _belongs(placed: PlacedAccount, host: Host, wanted: Wanted, observed: Observed) -> bool:
    want = wanted.get(placed.account)
    if want is None or want.revision != placed.revision or placed.account in observed.quarantined:
        return False
    return host.isolation is Isolation.DEDICATED or not must_be_alone(want, observed)


def _after(departures: Iterable[Action], observed: Observed) -> Observed:
    """Who is told to go counts as going already: nobody is given to a host that is about to end."""
    stopped = {action.host for action in departures if isinstance(action, StopHost)}
    withdrawn = {
        (action.host, name) for action in departures if isinstance(action, Withdraw) for name in action.accounts
    }
    hosts = [
        replace(
            host,
            leaving=host.leaving or host.host in stopped,
            accounts=tuple(
                replace(placed, leaving=placed.leaving or (host.host, placed.account) in withdrawn)
                for placed in host.accounts
            ),
        )
        for host in observed.hosts
    ]
    return replace(observed, hosts=tuple(hosts))


def _arrivals(wanted: Wanted, observed: Observed, now: datetime, limits: Limits) -> Iterable[Action]:
    # An account that is leaving one host is started on another only once it has left: two traders of one account
    # would only fight over its lease.
    placed = {placed.account for host in observed.hosts for placed in host.accounts}
    missing: list[WantedAccount] = []
    hosts_lost: dict[AccountId, int] = {}
    for account in sorted(wanted.keys() - placed - observed.quarantined - observed.held):
        failures = forget_old(observed.account_failures.get(account, Failures()), now, limits.restarts)
        # Those who went down together come back together, as far as they are not told apart.
        name = "together" if failures.with_host else account
        if is_exhausted(failures, now, limits.restarts):
            times = f"{len(failures.at)} failures in {limits.restarts.within_s:g} s"
            yield Quarantine(account=account, reason=f"{times}; the last: {failures.reason}")
        elif restart_at(name, failures, now, limits.restarts) <= now:
            missing.append(wanted[account])
            hosts_lost[account] = len(failures.with_host)
    yield from place(missing, observed, hosts_lost, limits)
