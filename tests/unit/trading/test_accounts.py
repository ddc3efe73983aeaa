"""The account's life as a table: every pair of state and event is either written here or refused."""

import itertools

import pytest

from trading.accounts import TRANSITIONS, AccountEvent, AccountState, IllegalStep, advance

S, E = AccountState, AccountEvent

LIFE = {
    S.STOPPED: {
        E.START_REQUESTED: S.STARTING,
        E.STOP_REQUESTED: S.STOPPED,
        E.QUARANTINED: S.QUARANTINED,
    },
    S.STARTING: {
        E.START_REQUESTED: S.STARTING,
        E.STOP_REQUESTED: S.STOPPING,
        E.SYNCED: S.RUNNING,
        E.ENDED: S.STOPPED,
        E.LOST: S.RECOVERING,
        E.HALTED: S.HALTED,
        E.QUARANTINED: S.QUARANTINED,
    },
    S.RUNNING: {
        E.START_REQUESTED: S.RUNNING,
        E.PAUSE_REQUESTED: S.PAUSED,
        E.RESUME_REQUESTED: S.RUNNING,
        E.STOP_REQUESTED: S.STOPPING,
        E.SYNCED: S.RUNNING,
        E.ENDED: S.STOPPED,
        E.LOST: S.RECOVERING,
        E.HALTED: S.HALTED,
        E.QUARANTINED: S.QUARANTINED,
    },
    S.PAUSED: {
        E.PAUSE_REQUESTED: S.PAUSED,
        E.RESUME_REQUESTED: S.RUNNING,
        E.STOP_REQUESTED: S.STOPPING,
        E.SYNCED: S.PAUSED,
        E.ENDED: S.STOPPED,
        E.LOST: S.RECOVERING,
        E.HALTED: S.HALTED,
        E.QUARANTINED: S.QUARANTINED,
    },
    S.RECOVERING: {
        E.STOP_REQUESTED: S.STOPPING,
        E.SYNCED: S.RUNNING,
        E.ENDED: S.STOPPED,
        E.LOST: S.RECOVERING,
        E.HALTED: S.HALTED,
        E.QUARANTINED: S.QUARANTINED,
    },
    S.STOPPING: {
        E.STOP_REQUESTED: S.STOPPING,
        E.SYNCED: S.STOPPING,
        E.ENDED: S.STOPPED,
        E.LOST: S.STOPPING,
        E.HALTED: S.HALTED,
        E.QUARANTINED: S.QUARANTINED,
    },
    S.HALTED: {
        E.STOP_REQUESTED: S.STOPPING,
        E.SYNCED: S.HALTED,
        E.ENDED: S.STOPPED,
        E.LOST: S.HALTED,
        E.HALTED: S.HALTED,
        E.QUARANTINED: S.QUARANTINED,
        E.RELEASED: S.RECOVERING,
    },
    S.QUARANTINED: {
        E.STOP_REQUESTED: S.QUARANTINED,
        E.ENDED: S.QUARANTINED,
        E.LOST: S.QUARANTINED,
        E.HALTED: S.QUARANTINED,
        E.QUARANTINED: S.QUARANTINED,
        E.RELEASED: S.STOPPED,
    },
}


@pytest.mark.parametrize(("state", "event"), itertools.product(AccountState, AccountEvent))
def test_every_pair_leads_where_the_table_says_or_is_refused(state: AccountState, event: AccountEvent) -> None:
    expected = LIFE[state].get(event)
    if expected is None:
        with pytest.raises(IllegalStep, match=f"an account that is {state} cannot"):
            advance(state, event)
    else:
        assert advance(state, event) is expected


def test_only_a_release_leads_out_of_quarantine() -> None:
    ways_out = {event for (state, event), after in TRANSITIONS.items() if state is S.QUARANTINED and after is not state}
    assert ways_out == {E.RELEASED}


def test_whoever_asks_too_much_of_a_quarantined_account_is_told_what_to_do() -> None:
    with pytest.raises(IllegalStep, match="quarantined cannot take start requested; release it first"):
        advance(S.QUARANTINED, E.START_REQUESTED)


def test_every_state_can_be_reached_and_every_state_ends() -> None:
    reached = {S.STOPPED}
    for _ in AccountState:
        reached |= {after for (state, _), after in TRANSITIONS.items() if state in reached}
    assert reached == set(AccountState)
    assert {state for state, _ in TRANSITIONS} == set(AccountState)
