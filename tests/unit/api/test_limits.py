import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.limits import Rate, RateLimiter

RATE = Rate(burst=3, every_s=10)


def test_a_burst_is_let_through_and_then_one_at_a_time() -> None:
    limiter = RateLimiter()
    assert [limiter.take("k", RATE, 0) for _ in range(3)] == [0, 0, 0]
    assert limiter.take("k", RATE, 0) == pytest.approx(10)
    assert limiter.take("k", RATE, 9) == pytest.approx(1)
    assert limiter.take("k", RATE, 10) == 0
    assert limiter.take("k", RATE, 10) == pytest.approx(10)


def test_after_a_pause_the_whole_burst_is_there_again_and_no_more() -> None:
    limiter = RateLimiter()
    for _ in range(3):
        limiter.take("k", RATE, 0)
    assert [limiter.take("k", RATE, 1000) for _ in range(4)] == [0, 0, 0, pytest.approx(10)]


def test_one_key_does_not_slow_another() -> None:
    limiter = RateLimiter()
    for _ in range(4):
        limiter.take("k", RATE, 0)
    assert limiter.take("other", RATE, 0) == 0


def test_what_is_given_back_does_not_count() -> None:
    limiter = RateLimiter()
    for _ in range(50):
        assert limiter.take("k", RATE, 0) == 0
        limiter.give_back("k", RATE)


@given(st.lists(st.floats(0, 30), max_size=60))
def test_no_more_than_the_rate_is_ever_let_through(pauses: list[float]) -> None:
    limiter = RateLimiter()
    now, let_through = 0.0, 0
    for pause in pauses:
        now += pause
        let_through += limiter.take("k", RATE, now) == 0
    assert let_through <= RATE.burst + now / RATE.every_s + 1e-3


def test_memory_stays_bounded_whoever_asks() -> None:
    limiter = RateLimiter(keys_max=10)
    for number in range(1000):
        limiter.take(f"key {number}", RATE, 0)
    assert len(limiter._free_at) <= 10
