"""What an endpoint is: who may call it, what it costs, and the function that answers."""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import msgspec

from paper.requests import Request

Handler = Callable[[Request], Any]


class Access(Enum):
    PUBLIC = auto()
    KEY = auto()
    """The key is asked for, a signature is not."""
    SIGNED = auto()
    TRADE = auto()
    """Signed, by a key that may trade."""


class Endpoint(msgspec.Struct, frozen=True):
    handler: Handler
    access: Access = Access.PUBLIC
    weight: int | Callable[[Request], int] = 1
    orders: int = 0
    """How many orders it counts as, against the account's order limits."""
    changes: bool = False
    """Whether what it did must be on disk before it is acknowledged."""


Routes = dict[tuple[str, str], Endpoint]
Methods = dict[str, Endpoint]
"""The WebSocket API's names for the same endpoints."""
