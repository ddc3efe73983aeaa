"""Weights by address, unfilled orders by account; first told to wait, then shut out."""

from collections.abc import Callable

import pytest

from paper.limits import Limiter, Limits, TooMany

MINUTE = 60_000


@pytest.fixture
def limiter() -> Limiter:
    return Limiter(Limits(weight_per_minute=100, orders_per_10_s=3, sockets_per_5_minutes=2))


def refused(call: Callable[..., object], *arguments: object) -> TooMany:
    with pytest.raises(TooMany) as caught:
        call(*arguments)
    return caught.value


def test_weight_adds_up_and_is_forgotten_with_the_minute(limiter: Limiter) -> None:
    assert limiter.request("here", 60, MINUTE + 10) == 60
    assert limiter.request("here", 40, MINUTE + 20) == 100
    assert limiter.request("there", 40, MINUTE + 20) == 40
    assert limiter.request("here", 40, 2 * MINUTE) == 40


def test_too_much_weight_is_told_when_to_come_again(limiter: Limiter) -> None:
    limiter.request("here", 100, MINUTE)
    refusal = refused(limiter.request, "here", 1, MINUTE + 15_000)
    assert (refusal.code, refusal.status, refusal.retry_after_s) == (-1003, 429, 45)
    assert refusal.message.startswith("Too much request weight used; current limit is 100 request weight per 1 MINUTE.")


def test_who_does_not_listen_is_banned_longer_each_time(limiter: Limiter) -> None:
    now = MINUTE
    for ban_s in (120, 240, 480):
        limiter.request("here", 100, now)
        for _ in range(20):
            assert refused(limiter.request, "here", 1, now).status == 429
        refusal = refused(limiter.request, "here", 1, now)
        assert (refusal.status, refusal.retry_after_s) == (418, ban_s)
        assert refused(limiter.request, "here", 1, now + 1000).status == 418
        assert refused(limiter.socket, "here", now + 1000).status == 418
        now += (ban_s + 60) * 1000
    assert limiter.request("there", 1, now) == 1


def test_unfilled_orders_are_counted_by_account(limiter: Limiter) -> None:
    for _ in range(3):
        limiter.orders("ann", 1, MINUTE)
    refusal = refused(limiter.orders, "ann", 1, MINUTE + 1)
    assert (refusal.code, refusal.status, refusal.retry_after_s) == (-1015, 429, 10)
    assert refusal.message == "Too many new orders; current limit is 3 orders per 10 SECOND."
    assert limiter.orders("bob", 2, MINUTE) == {"X-MBX-ORDER-COUNT-10S": "2", "X-MBX-ORDER-COUNT-1D": "2"}


def test_orders_that_trade_do_not_count(limiter: Limiter) -> None:
    for _ in range(3):
        limiter.orders("ann", 1, MINUTE)
    limiter.filled("ann", MINUTE, maker=False)
    limiter.orders("ann", 1, MINUTE)
    limiter.filled("ann", MINUTE, maker=True)
    assert limiter.orders("ann", 3, MINUTE)["X-MBX-ORDER-COUNT-10S"] == "3"


def test_sockets_are_counted_too(limiter: Limiter) -> None:
    limiter.socket("here", MINUTE)
    limiter.socket("here", MINUTE)
    assert refused(limiter.socket, "here", MINUTE).status == 429
