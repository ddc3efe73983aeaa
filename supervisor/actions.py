"""The steps that a plan consists of."""

import msgspec

from supervisor.facts import Isolation, WantedAccount
from trading.events import CloseMode
from trading.ids import AccountId


class StartService(msgspec.Struct, frozen=True):
    service: str


class StartHost(msgspec.Struct, frozen=True, kw_only=True):
    isolation: Isolation
    accounts: tuple[WantedAccount, ...]
    node: str | None = None


class Assign(msgspec.Struct, frozen=True, kw_only=True):
    """Give a running shared host further accounts."""

    host: str
    accounts: tuple[WantedAccount, ...]


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """Tell a trader how to end its run."""

    host: str
    account: AccountId
    mode: CloseMode


class Withdraw(msgspec.Struct, frozen=True, kw_only=True):
    host: str
    accounts: tuple[AccountId, ...]


class StopHost(msgspec.Struct, frozen=True):
    """A host that has no account left, or whose accounts go elsewhere."""

    host: str


class Quarantine(msgspec.Struct, frozen=True, kw_only=True):
    """Leave an account alone until a person releases it."""

    account: AccountId
    reason: str


Action = StartService | StartHost | Assign | Close | Withdraw | StopHost | Quarantine
