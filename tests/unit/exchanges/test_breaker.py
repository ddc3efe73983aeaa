from exchanges.breaker import FAILURES_MAX, PAUSE_FIRST_S, PAUSE_MOST_S, Breaker


def an_open_one(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES_MAX):
        breaker.failed(now)
    return breaker


def test_a_few_failures_stop_nobody() -> None:
    breaker = Breaker()
    for _ in range(FAILURES_MAX - 1):
        breaker.failed(0.0)
    assert breaker.allows(0.0)
    breaker.answered()
    breaker.failed(0.0)
    assert breaker.allows(0.0)


def test_after_a_pause_one_may_try() -> None:
    breaker = an_open_one()
    assert not breaker.allows(PAUSE_FIRST_S - 0.01)
    assert breaker.allows(PAUSE_FIRST_S)
    assert not breaker.allows(PAUSE_FIRST_S)


def test_one_answer_lets_everybody_go_on() -> None:
    breaker = an_open_one()
    breaker.answered()
    assert breaker.allows(0.0)


def test_the_pause_grows_with_each_failed_try_and_not_for_ever() -> None:
    breaker = an_open_one()
    now, pause_s = 0.0, PAUSE_FIRST_S
    for _ in range(10):
        now += pause_s
        assert breaker.allows(now)
        breaker.failed(now)
        pause_s = min(pause_s * 2, PAUSE_MOST_S)
        assert not breaker.allows(now + pause_s - 0.01)


def test_a_burst_of_old_failures_does_not_lengthen_the_pause() -> None:
    breaker = an_open_one()
    for _ in range(100):
        breaker.failed(0.1)
    assert breaker.allows(PAUSE_FIRST_S)


def test_a_try_that_never_came_back_does_not_block_for_good() -> None:
    breaker = an_open_one()
    assert breaker.allows(1.0)
    assert breaker.allows(1.0 + PAUSE_FIRST_S)
