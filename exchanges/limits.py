"""What a venue limits, and how the lanes share it."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Literal

import msgspec

Counted = Literal["weight", "requests", "orders"]


class Lane(IntEnum):
    """What a request is for, the most urgent first."""

    CANCEL = 0
    CLOSE = 1
    OPEN = 2
    READ = 3


class Share(msgspec.Struct, frozen=True):
    """How full the budget may be for a lane to use it still, and how much of it the lane may have used by itself.

    The first keeps room for the lanes above. The second keeps a flood in one lane from starving those below.
    """

    whole: float
    own: float


SHARES: Mapping[Lane, Share] = {
    Lane.CANCEL: Share(0.95, 0.95),
    Lane.CLOSE: Share(0.90, 0.90),
    Lane.OPEN: Share(0.85, 0.65),
    Lane.READ: Share(0.80, 0.65),
}


class Limit(msgspec.Struct, frozen=True):
    counted: Counted
    amount: int
    interval_s: float


class Request(msgspec.Struct, eq=False, kw_only=True):
    """Somebody's wish to send. Compared by identity: two that look alike are two."""

    lane: Lane
    tenant: str
    account: str
    weight: int = 1
    orders: int = 0

    def amount(self, counted: Counted) -> int:
        match counted:
            case "weight":
                return self.weight
            case "orders":
                return self.orders
            case "requests":
                return 1
