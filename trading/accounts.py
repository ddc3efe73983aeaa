"""An account's life, as its owner sees it: one table of what may follow what."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from trading.errors import TradingError


class AccountState(StrEnum):
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    """Keeps what is open, takes nothing new on."""
    STOPPING = "stopping"
    RECOVERING = "recovering"
    """Its trader was lost, or must look at everything anew; nothing is sent until it has."""
    HALTED = "halted"
    """A person's switch forbids all trading. It runs, and does nothing."""
    QUARANTINED = "quarantined"
    """It failed too often, or lost too much. Only a person lets it out."""


class AccountEvent(StrEnum):
    START_REQUESTED = "start_requested"
    PAUSE_REQUESTED = "pause_requested"
    RESUME_REQUESTED = "resume_requested"
    STOP_REQUESTED = "stop_requested"
    SYNCED = "synced"
    """Its trader knows the venue's truth, and trades."""
    ENDED = "ended"
    """Its trader has done what was left to do, and is gone."""
    LOST = "lost"
    """Its trader, or the process that held it, died."""
    HALTED = "halted"
    QUARANTINED = "quarantined"
    RELEASED = "released"
    """A person lifted the halt, or let it out of quarantine."""


def _transitions() -> dict[tuple[AccountState, AccountEvent], AccountState]:
    s, e = AccountState, AccountEvent
    table = {
        (s.STOPPED, e.START_REQUESTED): s.STARTING,
        (s.STOPPED, e.STOP_REQUESTED): s.STOPPED,
        (s.STARTING, e.START_REQUESTED): s.STARTING,
        (s.STARTING, e.SYNCED): s.RUNNING,
        (s.RUNNING, e.START_REQUESTED): s.RUNNING,
        (s.RUNNING, e.RESUME_REQUESTED): s.RUNNING,
        (s.RUNNING, e.PAUSE_REQUESTED): s.PAUSED,
        (s.RUNNING, e.SYNCED): s.RUNNING,
        (s.PAUSED, e.PAUSE_REQUESTED): s.PAUSED,
        (s.PAUSED, e.RESUME_REQUESTED): s.RUNNING,
        (s.PAUSED, e.SYNCED): s.PAUSED,
        (s.RECOVERING, e.SYNCED): s.RUNNING,
        (s.STOPPING, e.STOP_REQUESTED): s.STOPPING,
        (s.STOPPING, e.ENDED): s.STOPPED,
        # The wish to stop outlives the trader: its successor finishes what was left to do.
        (s.STOPPING, e.LOST): s.STOPPING,
        (s.STOPPING, e.SYNCED): s.STOPPING,
        (s.HALTED, e.HALTED): s.HALTED,
        (s.HALTED, e.LOST): s.HALTED,
        (s.HALTED, e.SYNCED): s.HALTED,
        # Much may have happened meanwhile: it begins by looking.
        (s.HALTED, e.RELEASED): s.RECOVERING,
        (s.QUARANTINED, e.RELEASED): s.STOPPED,
    }
    trading = (s.STARTING, s.RUNNING, s.PAUSED, s.RECOVERING)
    table |= {(state, e.LOST): s.RECOVERING for state in trading}
    table |= {(state, e.ENDED): s.STOPPED for state in (*trading, s.HALTED)}
    table |= {(state, e.STOP_REQUESTED): s.STOPPING for state in (*trading, s.HALTED)}
    table |= {(state, e.HALTED): s.HALTED for state in (*trading, s.STOPPING)}
    table |= {(state, e.QUARANTINED): s.QUARANTINED for state in AccountState}
    # What is still under way when an account is quarantined does not take it out.
    table |= {(s.QUARANTINED, event): s.QUARANTINED for event in (e.STOP_REQUESTED, e.LOST, e.ENDED, e.HALTED)}
    return table


TRANSITIONS: Mapping[tuple[AccountState, AccountEvent], AccountState] = MappingProxyType(_transitions())


class IllegalStep(TradingError):
    """Something that cannot happen to an account in this state, or that a person may not ask of it."""

    def __init__(self, state: AccountState, event: AccountEvent) -> None:
        hint = "; release it first" if state in (AccountState.HALTED, AccountState.QUARANTINED) else ""
        super().__init__(f"an account that is {state} cannot take {event.replace('_', ' ')}{hint}")
        self.state = state
        self.event = event


def advance(state: AccountState, event: AccountEvent) -> AccountState:
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalStep(state, event) from None
