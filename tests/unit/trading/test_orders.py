"""The order's life as a table: every pair of state and event is either written here or impossible."""

import itertools

import pytest

from trading.orders import TERMINAL, TRANSITIONS, UNSETTLED, IllegalTransition, OrderEvent, OrderState, advance

S, E = OrderState, OrderEvent

LIFE = {
    # Before the venue has spoken, every answer is possible.
    S.INTENDED: {
        E.OUTCOME_LOST: S.UNKNOWN,
        E.OPENED: S.OPEN,
        E.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        E.FILLED: S.FILLED,
        E.CANCELLED: S.CANCELLED,
        E.REJECTED: S.REJECTED,
        E.EXPIRED: S.EXPIRED,
    },
    S.UNKNOWN: {
        E.OUTCOME_LOST: S.UNKNOWN,
        E.OPENED: S.OPEN,
        E.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        E.FILLED: S.FILLED,
        E.CANCELLED: S.CANCELLED,
        E.REJECTED: S.REJECTED,
        E.EXPIRED: S.EXPIRED,
    },
    # A refusal of what the venue has worked on is a contradiction.
    S.OPEN: {
        E.OUTCOME_LOST: S.OPEN,
        E.OPENED: S.OPEN,
        E.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        E.FILLED: S.FILLED,
        E.CANCELLED: S.CANCELLED,
        E.EXPIRED: S.EXPIRED,
    },
    S.PARTIALLY_FILLED: {
        E.OUTCOME_LOST: S.PARTIALLY_FILLED,
        E.OPENED: S.PARTIALLY_FILLED,
        E.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        E.FILLED: S.FILLED,
        E.CANCELLED: S.CANCELLED,
        E.EXPIRED: S.EXPIRED,
    },
    S.FILLED: {
        E.OUTCOME_LOST: S.FILLED,
        E.OPENED: S.FILLED,
        E.PARTIALLY_FILLED: S.FILLED,
        E.FILLED: S.FILLED,
        E.CANCELLED: S.FILLED,
        E.EXPIRED: S.FILLED,
    },
    # A fill that came before the cancellation and is told after it.
    S.CANCELLED: {
        E.OUTCOME_LOST: S.CANCELLED,
        E.OPENED: S.CANCELLED,
        E.PARTIALLY_FILLED: S.CANCELLED,
        E.FILLED: S.FILLED,
        E.CANCELLED: S.CANCELLED,
        E.EXPIRED: S.CANCELLED,
    },
    # "It never was" can be wrong, and then the venue is right.
    S.REJECTED: {
        E.OUTCOME_LOST: S.REJECTED,
        E.OPENED: S.OPEN,
        E.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        E.FILLED: S.FILLED,
        E.CANCELLED: S.REJECTED,
        E.REJECTED: S.REJECTED,
        E.EXPIRED: S.REJECTED,
    },
    S.EXPIRED: {
        E.OUTCOME_LOST: S.EXPIRED,
        E.OPENED: S.OPEN,
        E.PARTIALLY_FILLED: S.PARTIALLY_FILLED,
        E.FILLED: S.FILLED,
        E.CANCELLED: S.EXPIRED,
        E.REJECTED: S.EXPIRED,
        E.EXPIRED: S.EXPIRED,
    },
}


@pytest.mark.parametrize(("state", "event"), itertools.product(OrderState, OrderEvent))
def test_every_pair_leads_where_the_table_says_or_raises(state: OrderState, event: OrderEvent) -> None:
    expected = LIFE[state].get(event)
    if expected is None:
        with pytest.raises(IllegalTransition, match=f"{state} cannot become {event}"):
            advance(state, event)
    else:
        assert advance(state, event) is expected


def test_a_fill_is_never_swallowed() -> None:
    """Whatever was believed before, an order that filled counts as filled."""
    assert all(TRANSITIONS[state, E.FILLED] is S.FILLED for state in OrderState)


def test_nothing_returns_to_before_the_venue_has_spoken() -> None:
    spoken = set(OrderState) - UNSETTLED
    assert all(TRANSITIONS[pair] in spoken for pair in TRANSITIONS if pair[0] in spoken)


def test_the_same_event_twice_is_the_same_as_once() -> None:
    for (state, event), after in TRANSITIONS.items():
        if event is E.CANCELLED and state not in TERMINAL:
            assert advance(after, event) is after
        if (after, event) in TRANSITIONS:
            assert advance(after, event) is after
