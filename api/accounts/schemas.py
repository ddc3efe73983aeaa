"""What goes in and out of accounts."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from api.identity.schemas import Name
from api.paging import Page
from trading.events import CloseMode


class Mode(StrEnum):
    PAPER = "paper"
    TESTNET = "testnet"
    LIVE = "live"


class Isolation(StrEnum):
    DEDICATED = "dedicated"
    """A process of its own."""
    SHARED = "shared"
    """Packed with others: cheaper, and restarted with them."""


class CrashContract(StrEnum):
    """What happens to its orders and positions when its trader has died."""

    RESUME = "resume"
    REDUCE = "reduce"
    FLATTEN = "flatten"
    HOLD = "hold"


class StopMode(StrEnum):
    LEAVE = "leave"
    """Orders and coins stay where they are."""
    CANCEL = "cancel"
    """Orders are withdrawn; what is held is kept."""
    MARKET = "market"
    """Orders are withdrawn, and what the strategy holds is sold at once."""
    LIMIT = "limit"
    """Orders are withdrawn, and what the strategy holds is offered at the best ask until it is sold."""

    @property
    def closing(self) -> CloseMode | None:
        return None if self is StopMode.LEAVE else CloseMode(self)


class StopAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mode: StopMode = StopMode.LEAVE


TimeZone = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$")]
VenueName = Annotated[str, Meta(min_length=1, max_length=40)]


class CreateAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    venue: VenueName
    mode: Mode = Mode.PAPER
    isolation: Isolation = Isolation.DEDICATED
    crash_contract: CrashContract = CrashContract.RESUME
    time_zone: TimeZone = "UTC"


class ChangeAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Only what is given changes."""

    name: Name | UnsetType = UNSET
    isolation: Isolation | UnsetType = UNSET
    crash_contract: CrashContract | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET


class StartAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    confirm: Annotated[str, Meta(max_length=80)] | None = None
    """For real money: the account's name, typed by whoever means it."""


class AccountStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the fleet last said, and why it is so."""

    state: str
    reason: str
    heartbeat_at: datetime | None
    stale: bool
    """Nothing was heard lately of an account that should be running: do not believe the state."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    venue: str
    mode: Mode
    isolation: Isolation
    crash_contract: CrashContract
    time_zone: str
    created_at: datetime
    archived_at: datetime | None
    desired_state: str
    allowed: list[str]
    """What may be commanded now."""
    status: AccountStatus
    key_last4: str | None
    strategy: str | None
    config_version: int | None


class AccountPage(Page, frozen=True, kw_only=True):
    items: list[Account]
