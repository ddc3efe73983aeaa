from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exchanges.budget import RequestBudget
from exchanges.limits import SHARES, Lane, Limit, Request
from exchanges.window import Window

A_MINUTE = Limit("weight", 100, 60.0)
TEN_ORDERS = Limit("orders", 10, 10.0)


def a_request(lane: Lane = Lane.READ, tenant: str = "ada", weight: int = 1, orders: int = 0) -> Request:
    return Request(lane=lane, tenant=tenant, account=tenant, weight=weight, orders=orders)


def granted(budget: RequestBudget, now: float) -> list[Request]:
    requests = []
    while (request := budget.grant(now)) is not None:
        requests.append(request)
    return requests


def flood(budget: RequestBudget, lane: Lane, count: int, tenant: str = "spam", **more: int) -> None:
    for _ in range(count):
        budget.ask(a_request(lane, tenant, **more))


requests = st.builds(
    a_request,
    lane=st.sampled_from(Lane),
    tenant=st.sampled_from(["ada", "bob", "cy"]),
    weight=st.integers(1, 20),
    orders=st.integers(0, 1),
)
steps = st.lists(st.tuples(st.floats(0, 15), st.lists(requests, max_size=15)), max_size=40)


@given(steps)
@settings(deadline=None)
def test_no_interval_anywhere_holds_more_than_the_limits(steps: list[tuple[float, list[Request]]]) -> None:
    budget = RequestBudget([A_MINUTE, Limit("requests", 50, 20.0), TEN_ORDERS])
    sent: list[tuple[float, Request]] = []
    now = 0.0
    for pause, asked in steps:
        now += pause
        for request in asked:
            budget.ask(request)
        sent += [(now, request) for request in granted(budget, now)]
    for start, _ in sent:
        assert sum(r.weight for at, r in sent if start <= at <= start + 60) <= 100
        assert sum(1 for at, _ in sent if start <= at <= start + 20) <= 50
        orders = Counter(r.account for at, r in sent if r.orders and start <= at <= start + 10)
        assert max(orders.values(), default=0) <= 10


@given(steps)
@settings(deadline=None)
def test_everybody_is_served_in_the_end_and_once(steps: list[tuple[float, list[Request]]]) -> None:
    budget = RequestBudget([A_MINUTE, TEN_ORDERS])
    asked = [request for _, batch in steps for request in batch]
    for request in asked:
        budget.ask(request)
    served: list[Request] = []
    now = 0.0
    while len(served) < len(asked):
        now += 1.0
        served += granted(budget, now)
        assert now < 62 * (sum(request.weight for request in asked) / 10 + 2), "starved"
    assert Counter(map(id, served)) == Counter(map(id, asked))


@given(spam=st.integers(50, 300), lane=st.sampled_from([Lane.CLOSE, Lane.OPEN, Lane.READ]))
def test_a_cancellation_goes_at_once_however_much_waits(spam: int, lane: Lane) -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, lane, spam)
    granted(budget, 0.0)
    cancel = a_request(Lane.CANCEL, "ada")
    budget.ask(cancel)
    assert budget.grant(0.0) is cancel


def test_the_more_urgent_goes_first() -> None:
    budget = RequestBudget([A_MINUTE])
    for lane in reversed(Lane):
        budget.ask(a_request(lane))
    assert [request.lane for request in granted(budget, 0.0)] == list(Lane)


@pytest.mark.parametrize(("flooded", "other"), [(Lane.OPEN, Lane.READ), (Lane.READ, Lane.OPEN)])
def test_a_flood_of_one_kind_leaves_room_for_the_other(flooded: Lane, other: Lane) -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, flooded, 1_000)
    assert len(granted(budget, 0.0)) == SHARES[flooded].own * 100
    flood(budget, other, 10, "ada")
    assert [request.lane for request in granted(budget, 0.0)] == [other] * 10


def test_tenants_take_turns_by_weight_not_by_number() -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, Lane.READ, 50, "heavy", weight=10)
    flood(budget, Lane.READ, 50, "light", weight=1)
    served = Counter[str]()
    for request in granted(budget, 0.0):
        served[request.tenant] += request.weight
    assert abs(served["heavy"] - served["light"]) <= 10


def test_a_newcomer_does_not_wait_behind_a_crowd() -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, Lane.READ, 1_000)
    granted(budget, 0.0)
    newcomer = a_request(tenant="ada")
    budget.ask(newcomer)
    assert newcomer in granted(budget, 62.0)[:2]


def test_silence_is_not_saved_up() -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, Lane.READ, 60, "spam")
    granted(budget, 0.0)
    flood(budget, Lane.READ, 60, "spam")
    flood(budget, Lane.READ, 60, "ada")
    served = Counter(request.tenant for request in granted(budget, 62.0))
    assert abs(served["spam"] - served["ada"]) <= 1


def test_a_heavy_request_is_not_overtaken_for_ever_by_light_ones() -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, Lane.READ, 60, "light")
    granted(budget, 0.0)
    heavy = a_request(tenant="heavy", weight=50)
    budget.ask(heavy)
    for second in range(1, 63):
        flood(budget, Lane.READ, 1, "light")
        if heavy in granted(budget, float(second)):
            return
    pytest.fail("starved")


def test_a_light_request_does_not_slip_past_a_more_urgent_heavy_one() -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, Lane.READ, 60)
    granted(budget, 0.0)
    flood(budget, Lane.CLOSE, 1, "ada", weight=40)
    flood(budget, Lane.READ, 1, "bob")
    assert granted(budget, 1.0) == []


def test_one_account_out_of_orders_does_not_hold_up_another() -> None:
    budget = RequestBudget([A_MINUTE, TEN_ORDERS])
    flood(budget, Lane.OPEN, 30, "spam", orders=1)
    flood(budget, Lane.OPEN, 5, "ada", orders=1)
    served = Counter(request.tenant for request in granted(budget, 0.0))
    assert served == {"spam": 8, "ada": 5}


def test_an_exit_still_finds_room_in_the_order_count() -> None:
    budget = RequestBudget([A_MINUTE, TEN_ORDERS])
    flood(budget, Lane.OPEN, 30, "ada", orders=1)
    granted(budget, 0.0)
    budget.ask(a_request(Lane.CLOSE, "ada", orders=1))
    assert [request.lane for request in granted(budget, 0.0)] == [Lane.CLOSE]


def test_nobody_sends_before_the_venue_allows_it() -> None:
    budget = RequestBudget([A_MINUTE])
    budget.pause(until=17.0)
    budget.pause(until=5.0)
    flood(budget, Lane.CANCEL, 1)
    assert granted(budget, 16.9) == []
    assert len(granted(budget, 17.0)) == 1


def test_an_account_told_to_stop_ordering_may_cancel_and_the_others_go_on() -> None:
    budget = RequestBudget([A_MINUTE, TEN_ORDERS])
    budget.pause_orders("ada", until=10.0)
    flood(budget, Lane.OPEN, 1, "ada", orders=1)
    flood(budget, Lane.OPEN, 1, "bob", orders=1)
    flood(budget, Lane.CANCEL, 1, "ada")
    assert [(r.tenant, r.lane) for r in granted(budget, 9.0)] == [("ada", Lane.CANCEL), ("bob", Lane.OPEN)]
    assert [r.tenant for r in granted(budget, 10.0)] == ["ada"]


def test_what_others_send_from_our_address_counts() -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, Lane.READ, 5)
    granted(budget, 0.0)
    budget.correct(used=78, interval_s=60.0, now=1.0)
    budget.correct(used=3, interval_s=60.0, now=1.0)  # an older answer, overtaken
    flood(budget, Lane.READ, 50)
    assert len(granted(budget, 1.0)) == 2
    assert budget.used(1.0) == {A_MINUTE: 80}


def test_new_limits_count_what_was_used_under_the_old() -> None:
    budget = RequestBudget([A_MINUTE])
    flood(budget, Lane.READ, 65)
    granted(budget, 0.0)
    budget.set_limits([Limit("weight", 200, 60.0)])
    flood(budget, Lane.READ, 200)
    assert len(granted(budget, 1.0)) == 200 * SHARES[Lane.READ].own - 65


def test_a_request_that_could_never_leave_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="never fits"):
        RequestBudget([A_MINUTE]).ask(a_request(weight=66))


def test_who_gave_up_is_not_granted() -> None:
    budget = RequestBudget([A_MINUTE])
    request = a_request()
    budget.ask(request)
    budget.withdraw(request)
    assert granted(budget, 0.0) == []
    budget.withdraw(request)


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(1, 9)), max_size=60), st.floats(0, 10**9))
def test_a_window_never_counts_less_than_was_used(uses: list[tuple[float, int]], start: float) -> None:
    window = Window(A_MINUTE)
    log: list[tuple[float, int]] = []
    now = start
    for pause, amount in uses:
        now += pause
        window.add(Lane.READ, amount, now)
        log.append((now, amount))
        assert window.used(now) >= sum(amount for at, amount in log if at >= now - 60)
        assert window.used(now) <= sum(amount for at, amount in log if at >= now - 63)
