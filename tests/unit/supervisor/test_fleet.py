"""The fleet's plan, case by case: facts in, steps out."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from supervisor.actions import Action, Assign, Close, Quarantine, StartHost, StartService, StopHost, Withdraw
from supervisor.facts import Host, Isolation, Limits, Node, Observed, PlacedAccount, WantedAccount
from supervisor.fleet import plan
from supervisor.restarts import Failures, add_failure
from trading.events import CloseMode
from trading.ids import AccountId

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
ADA, BEN, CYD = AccountId("acc_ada"), AccountId("acc_ben"), AccountId("acc_cyd")
LIMITS = Limits(accounts_per_host_max=2)
NOTHING = Observed(hosts=(), services=frozenset())


def want(
    *accounts: AccountId, revision: str = "1", isolation: Isolation = Isolation.DEDICATED
) -> dict[AccountId, WantedAccount]:
    return {a: WantedAccount(account=a, revision=revision, isolation=isolation) for a in accounts}


def host(
    name: str, *accounts: AccountId, revision: str = "1", isolation: Isolation = Isolation.DEDICATED, **facts: Any
) -> Host:
    placed = tuple(PlacedAccount(account=a, revision=revision) for a in accounts)
    return Host(host=name, isolation=isolation, accounts=placed, **{"started_at": LONG_AGO, **facts})


def observed(*hosts: Host, **facts: Any) -> Observed:
    return Observed(hosts=hosts, services=frozenset(), **facts)


def steps(
    wanted: dict[AccountId, WantedAccount], seen: Observed, services: frozenset[str] = frozenset()
) -> tuple[Action, ...]:
    return plan(wanted, services, seen, NOW, LIMITS)


def started(*accounts: AccountId, isolation: Isolation = Isolation.DEDICATED) -> StartHost:
    return StartHost(isolation=isolation, accounts=tuple(want(*accounts, isolation=isolation).values()))


def test_nothing_wanted_and_nothing_there_is_nothing_to_do() -> None:
    assert steps({}, NOTHING) == ()


def test_what_runs_as_wanted_is_left_alone() -> None:
    assert steps(want(ADA, BEN), observed(host("h1", ADA), host("h2", BEN))) == ()


def test_each_dedicated_account_gets_a_host_of_its_own() -> None:
    assert steps(want(ADA, BEN), NOTHING) == (started(ADA), started(BEN))


def test_shared_accounts_are_packed_up_to_the_limit() -> None:
    wanted = want(ADA, BEN, CYD, isolation=Isolation.SHARED)
    shared = Isolation.SHARED
    assert steps(wanted, NOTHING) == (started(ADA, BEN, isolation=shared), started(CYD, isolation=shared))


def test_a_shared_account_goes_where_there_is_room() -> None:
    wanted = want(ADA, BEN, isolation=Isolation.SHARED)
    seen = observed(host("h1", ADA, isolation=Isolation.SHARED))
    assert steps(wanted, seen) == (Assign(host="h1", accounts=(wanted[BEN],)),)


def test_missing_services_are_started_before_any_trader() -> None:
    seen = Observed(hosts=(), services=frozenset({"ledger"}))
    assert steps(want(ADA), seen, services=frozenset({"ledger", "market:paper"})) == (
        StartService("market:paper"),
        started(ADA),
    )


def test_a_host_with_no_wanted_account_is_stopped() -> None:
    assert steps({}, observed(host("h1", ADA))) == (StopHost("h1"),)


def test_one_unwanted_account_leaves_a_shared_host_that_goes_on() -> None:
    seen = observed(host("h1", ADA, BEN, isolation=Isolation.SHARED))
    assert steps(want(BEN, isolation=Isolation.SHARED), seen) == (Withdraw(host="h1", accounts=(ADA,)),)


def test_an_account_with_new_params_first_leaves_and_is_started_only_then() -> None:
    wanted = want(ADA, revision="2")
    assert steps(wanted, observed(host("h1", ADA, revision="1"))) == (StopHost("h1"),)
    assert steps(wanted, NOTHING) == (StartHost(isolation=Isolation.DEDICATED, accounts=(wanted[ADA],)),)


def test_an_account_placed_twice_leaves_both_hosts() -> None:
    seen = observed(host("h1", ADA), host("h2", ADA))
    assert steps(want(ADA), seen) == (StopHost("h1"), StopHost("h2"))


def test_a_trader_whose_run_is_to_end_is_told_once_how() -> None:
    wanted = {ADA: msgspec.structs.replace(want(ADA)[ADA], closing=CloseMode.CANCEL)}
    assert steps(wanted, observed(host("h1", ADA))) == (Close(host="h1", account=ADA, mode=CloseMode.CANCEL),)
    told = PlacedAccount(account=ADA, revision="1", closing=CloseMode.CANCEL)
    assert steps(wanted, observed(Host(host="h1", isolation=Isolation.DEDICATED, accounts=(told,)))) == ()


def test_a_run_is_closed_also_for_an_account_whose_trader_is_dead() -> None:
    wanted = {ADA: msgspec.structs.replace(want(ADA)[ADA], closing=CloseMode.MARKET)}
    assert steps(wanted, NOTHING) == (StartHost(isolation=Isolation.DEDICATED, accounts=(wanted[ADA],)),)


def test_a_quarantined_account_is_neither_started_nor_left_running() -> None:
    assert steps(want(ADA), observed(quarantined=frozenset({ADA}))) == ()
    assert steps(want(ADA), observed(host("h1", ADA), quarantined=frozenset({ADA}))) == (StopHost("h1"),)


def failed(times: int, last_s_ago: float = 0.0) -> dict[str, Any]:
    at = [NOW - timedelta(seconds=last_s_ago + number) for number in reversed(range(times))]
    return {"account_failures": {ADA: Failures(tuple(at), "out of luck")}}


def test_the_first_failure_is_followed_by_a_restart_at_once() -> None:
    assert steps(want(ADA), observed(**failed(1))) == (started(ADA),)


def test_further_failures_wait_longer_and_longer() -> None:
    assert steps(want(ADA), observed(**failed(4))) == ()
    assert steps(want(ADA), observed(**failed(4, last_s_ago=5))) == (started(ADA),)


def test_an_account_that_uses_up_its_restarts_is_quarantined_with_the_reason() -> None:
    reason = "6 failures in 30 s; the last: out of luck"
    assert steps(want(ADA), observed(**failed(6))) == (Quarantine(account=ADA, reason=reason),)


def test_old_failures_are_forgotten() -> None:
    assert steps(want(ADA), observed(**failed(6, last_s_ago=31))) == (started(ADA),)


def test_who_was_told_to_leave_is_not_told_again_and_not_started_elsewhere() -> None:
    shared = Isolation.SHARED
    going = msgspec.structs.replace(
        host("h1", ADA, isolation=shared),
        accounts=(
            PlacedAccount(account=ADA, revision="1", leaving=True),
            PlacedAccount(account=BEN, revision="1"),
        ),
    )
    assert steps(want(BEN, isolation=shared), observed(going)) == ()
    assert steps(want(ADA, BEN, isolation=shared), observed(going)) == ()
    assert steps(want(ADA), observed(host("h1", ADA, leaving=True))) == ()


def test_a_host_that_is_being_started_can_be_stopped_and_told_nothing_else() -> None:
    shared = Isolation.SHARED
    starting = host("h1", ADA, isolation=shared, started_at=None)
    assert steps(want(ADA, BEN, isolation=shared), observed(starting)) == (started(BEN, isolation=shared),)
    assert steps({}, observed(starting)) == (StopHost("h1"),)
    assert steps(want(ADA, isolation=shared), observed(host("h1", ADA, BEN, isolation=shared, started_at=None))) == ()


def test_nobody_is_given_to_a_host_that_the_same_plan_empties() -> None:
    shared = Isolation.SHARED
    assert steps(want(BEN, isolation=shared), observed(host("h1", ADA, isolation=shared))) == (
        StopHost("h1"),
        started(BEN, isolation=shared),
    )


def test_an_account_whose_lease_is_somebody_elses_waits() -> None:
    assert steps(want(ADA, BEN), observed(held=frozenset({ADA}))) == (started(BEN),)


def test_an_account_that_shall_be_alone_leaves_those_it_shares_a_host_with() -> None:
    seen = observed(host("h1", ADA, BEN, isolation=Isolation.SHARED))
    wanted = {**want(ADA), **want(BEN, isolation=Isolation.SHARED)}
    assert steps(wanted, seen) == (Withdraw(host="h1", accounts=(ADA,)),)


def test_an_account_that_disturbs_the_others_is_moved_to_a_host_of_its_own_and_stays_there() -> None:
    noise = {"noisy": frozenset({ADA})}
    wanted = want(ADA, BEN, isolation=Isolation.SHARED)
    shared = host("h1", ADA, BEN, isolation=Isolation.SHARED)
    assert steps(wanted, observed(shared, **noise)) == (Withdraw(host="h1", accounts=(ADA,)),)
    without = host("h1", BEN, isolation=Isolation.SHARED)
    alone = StartHost(isolation=Isolation.DEDICATED, accounts=(wanted[ADA],))
    assert steps(wanted, observed(without, **noise)) == (alone,)
    assert steps(wanted, observed(without, host("h2", ADA))) == ()


class TestNodes:
    def test_each_host_goes_to_the_node_with_the_fewest_accounts(self) -> None:
        seen = observed(host("h1", ADA, node="n1"), nodes=(Node(node="n1"), Node(node="n2")))
        actions = plan(want(ADA, BEN, CYD), frozenset(), seen, NOW, LIMITS)
        assert [(action.node, action.accounts[0].account) for action in actions if isinstance(action, StartHost)] == [
            ("n2", BEN),
            ("n1", CYD),
        ]

    def test_no_node_gets_more_than_it_may_hold(self) -> None:
        limits = Limits(accounts_per_host_max=2, accounts_per_node_max=1)
        seen = observed(nodes=(Node(node="n1"), Node(node="n2")))
        for isolation in Isolation:
            actions = plan(want(ADA, BEN, CYD, isolation=isolation), frozenset(), seen, NOW, limits)
            assert [(action.node, len(action.accounts)) for action in actions if isinstance(action, StartHost)] == [
                ("n1", 1),
                ("n2", 1),
            ]

    def test_a_node_that_is_drained_gives_up_some_hosts_at_a_time_and_gets_none(self) -> None:
        limits = Limits(moves_at_once_max=1)
        nodes = (Node(node="n1", draining=True), Node(node="n2"))
        first, second = host("h1", ADA, node="n1"), host("h2", BEN, node="n1")
        seen = observed(first, second, nodes=nodes)
        assert plan(want(ADA, BEN), frozenset(), seen, NOW, limits) == (StopHost("h1"),)
        leaving = observed(msgspec.structs.replace(first, leaving=True), second, nodes=nodes)
        assert plan(want(ADA, BEN), frozenset(), leaving, NOW, limits) == ()
        gone = observed(second, nodes=nodes)
        arrives = StartHost(isolation=Isolation.DEDICATED, accounts=(want(ADA)[ADA],), node="n2")
        assert arrives in plan(want(ADA, BEN), frozenset(), gone, NOW, limits)

    def test_nobody_leaves_a_drained_node_for_nowhere(self) -> None:
        seen = observed(host("h1", ADA, node="n1"), nodes=(Node(node="n1", draining=True),))
        assert steps(want(ADA), seen) == ()

    def test_a_shared_account_is_not_given_to_a_host_on_a_drained_node(self) -> None:
        shared = Isolation.SHARED
        seen = observed(
            host("h1", ADA, isolation=shared, node="n1"), nodes=(Node(node="n1", draining=True), Node(node="n2"))
        )
        wanted = want(ADA, BEN, isolation=shared)
        actions = plan(wanted, frozenset(), seen, NOW, Limits(moves_at_once_max=0))
        assert actions == (StartHost(isolation=shared, accounts=(wanted[BEN],), node="n2"),)

    def test_hosts_older_than_the_wish_to_renew_them_are_replaced_some_at_a_time(self) -> None:
        limits = Limits(moves_at_once_max=2)
        old, young = NOW - timedelta(hours=1), NOW
        seen = observed(
            host("h1", ADA, started_at=old),
            host("h2", BEN, started_at=young),
            host("h3", CYD, started_at=old),
            renew_before=NOW - timedelta(minutes=1),
        )
        assert plan(want(ADA, BEN, CYD), frozenset(), seen, NOW, limits) == (StopHost("h1"), StopHost("h3"))


class TestWhenHostsDie:
    """One trader may take down the process that it shares with others."""

    MOST = 64

    def hosts_after(self, deaths: int, accounts: list[AccountId]) -> list[tuple[AccountId, ...]]:
        at = tuple(NOW - timedelta(seconds=20 - number) for number in range(deaths))
        failures = dict.fromkeys(accounts, Failures(at, "its host died", at))
        wanted = want(*accounts, isolation=Isolation.SHARED)
        seen = observed(account_failures=failures)
        actions = plan(wanted, frozenset(), seen, NOW, Limits(accounts_per_host_max=self.MOST))
        return [tuple(w.account for w in action.accounts) for action in actions if isinstance(action, StartHost)]

    def test_those_who_were_in_it_come_back_in_ever_smaller_groups(self) -> None:
        accounts = [AccountId(f"acc_{number:03}") for number in range(self.MOST)]
        sizes = [{len(group) for group in self.hosts_after(deaths, accounts)} for deaths in range(5)]
        assert sizes == [{64}, {16}, {4}, {1}, {1}]

    def test_a_suspect_is_not_put_among_those_who_trade_in_peace(self) -> None:
        shared = Isolation.SHARED
        seen = observed(
            host("h1", BEN, isolation=shared),
            account_failures={ADA: Failures((NOW,), "its host died", (NOW,)), CYD: Failures((NOW,), "it failed")},
        )
        wanted = want(ADA, BEN, CYD, isolation=shared)
        assert steps(wanted, seen) == (
            Assign(host="h1", accounts=(wanted[CYD],)),
            StartHost(isolation=shared, accounts=(wanted[ADA],)),
        )

    @given(st.integers(min_value=0, max_value=63), st.integers(min_value=1, max_value=64))
    def test_only_the_one_who_kills_hosts_is_quarantined(self, culprit: int, size: int) -> None:
        accounts = [AccountId(f"acc_{number:03}") for number in range(64)]
        killer = accounts[culprit]
        limits = Limits(accounts_per_host_max=size)
        wanted = want(*accounts, isolation=Isolation.SHARED)
        failures: dict[AccountId, Failures] = {}
        hosts: tuple[Host, ...] = ()
        quarantined: set[AccountId] = set()
        now = NOW
        for _ in range(100):
            seen = observed(*hosts, account_failures=failures, quarantined=frozenset(quarantined))
            actions = plan(wanted, frozenset(), seen, now, limits)
            quarantined |= {action.account for action in actions if isinstance(action, Quarantine)}
            hosts = carry_out(hosts, actions)
            now += timedelta(milliseconds=200)
            for dead in [host for host in hosts if any(placed.account == killer for placed in host.accounts)]:
                hosts = tuple(host for host in hosts if host is not dead)
                for placed in dead.accounts:
                    before = failures.get(placed.account, Failures())
                    failures[placed.account] = add_failure(before, now, "killed", limits.restarts, with_host=True)
        assert quarantined == {killer}
        assert {placed.account for host in hosts for placed in host.accounts} == set(accounts) - {killer}


ACCOUNTS = st.sampled_from([AccountId(f"acc_{letter}") for letter in "abcdefg"])
ISOLATIONS = st.sampled_from(list(Isolation))


Fleet = tuple[dict[AccountId, WantedAccount], tuple[Host, ...]]


@st.composite
def fleets(draw: st.DrawFn) -> Fleet:
    wanted = {
        account: WantedAccount(account=account, revision=draw(st.sampled_from("12")), isolation=draw(ISOLATIONS))
        for account in draw(st.sets(ACCOUNTS))
    }
    hosts = tuple(
        Host(
            host=f"h{number}",
            isolation=draw(ISOLATIONS),
            accounts=tuple(
                PlacedAccount(account=account, revision=draw(st.sampled_from("12"))) for account in sorted(accounts)
            ),
            started_at=LONG_AGO,
        )
        for number, accounts in enumerate(draw(st.lists(st.sets(ACCOUNTS, min_size=1, max_size=3), max_size=4)))
    )
    return wanted, hosts


_numbers = count()


def carry_out(hosts: Iterable[Host], actions: Iterable[Action]) -> tuple[Host, ...]:
    """The fleet after the steps, in a world where every step works."""
    accounts = {host.host: list(host.accounts) for host in hosts}
    isolation = {host.host: host.isolation for host in hosts}
    for action in actions:
        match action:
            case StopHost(name):
                del accounts[name]
            case Withdraw():
                left = [placed for placed in accounts[action.host] if placed.account not in action.accounts]
                accounts[action.host] = left
            case Assign():
                accounts[action.host] += _placed(action)
            case StartHost():
                name = f"n{next(_numbers)}"
                isolation[name] = action.isolation
                accounts[name] = _placed(action)
    return tuple(
        Host(host=n, isolation=isolation[n], accounts=tuple(a), started_at=LONG_AGO) for n, a in accounts.items()
    )


def _placed(action: StartHost | Assign) -> list[PlacedAccount]:
    return [PlacedAccount(account=want.account, revision=want.revision) for want in action.accounts]


@given(fleets())
def test_from_any_state_two_rounds_of_steps_reach_what_is_wanted_and_a_third_has_nothing_to_do(fleet: Fleet) -> None:
    wanted, hosts = fleet
    for _ in range(2):
        hosts = carry_out(hosts, plan(wanted, frozenset(), observed(*hosts), NOW, LIMITS))
    placed = [(p.account, p.revision) for host in hosts for p in host.accounts]
    assert sorted(placed) == sorted((w.account, w.revision) for w in wanted.values())
    assert plan(wanted, frozenset(), observed(*hosts), NOW, LIMITS) == ()


@given(fleets())
def test_an_account_that_stands_somewhere_is_never_started_elsewhere(fleet: Fleet) -> None:
    wanted, hosts = fleet
    standing = {placed.account for host in hosts for placed in host.accounts}
    for action in plan(wanted, frozenset(), observed(*hosts), NOW, LIMITS):
        if isinstance(action, StartHost | Assign):
            assert standing.isdisjoint(want.account for want in action.accounts)
