import pickle

import pytest

from exchanges.errors import OrderRefused, OutcomeKnown, OutcomeUnknown, RateLimited


@pytest.mark.parametrize(
    "error",
    [OrderRefused("-2010", "insufficient balance"), RateLimited("429", "slow down", 3.0), OutcomeUnknown("timed out")],
)
def test_an_error_survives_the_way_between_processes(error: OutcomeKnown | OutcomeUnknown) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_a_message_gives_the_reason_before_the_code() -> None:
    assert str(OrderRefused("-2010", "insufficient balance")) == "insufficient balance (-2010)"
    assert str(OrderRefused("", "never sent")) == "never sent"
