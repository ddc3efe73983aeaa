"""What an owner may tell an account, as one table. A pair that is not in it is refused with what is allowed."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Wish(StrEnum):
    """What should be. What is, the fleet reports; it follows within seconds."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Command(StrEnum):
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"


COMMANDS: Mapping[tuple[Wish, Command], Wish] = MappingProxyType(
    {
        (Wish.STOPPED, Command.START): Wish.RUNNING,
        (Wish.RUNNING, Command.PAUSE): Wish.PAUSED,
        (Wish.RUNNING, Command.STOP): Wish.STOPPED,
        (Wish.PAUSED, Command.RESUME): Wish.RUNNING,
        (Wish.PAUSED, Command.STOP): Wish.STOPPED,
        # Said twice in a hurry, it must never be an error.
        (Wish.STOPPED, Command.STOP): Wish.STOPPED,
    }
)


def allowed(wish: Wish) -> list[str]:
    return [command for (state, command) in COMMANDS if state is wish]
