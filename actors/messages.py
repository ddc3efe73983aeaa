"""What actors say to each other, beyond the words of `trading`."""

from datetime import datetime
from decimal import Decimal

import msgspec

from trading.events import Assignment, Checkpoint, Record
from trading.ids import AccountId, Asset, Epoch, RunId, UserId, VenueName
from trading.market import Candle


class Denied(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway will not serve an account, and why."""

    code: str
    reason: str


FENCED = "fenced"


class NewsLost(msgspec.Struct, frozen=True, tag=True):
    """Something was recorded that the trader was not told: it must ask for everything again."""


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a host holds: enough for a new supervisor to adopt it."""

    host: str
    pid: int
    node: str
    shared: bool
    started_at: datetime
    accounts: tuple[tuple[Assignment, str], ...]
    """With the revision that each was made from."""


class TraderEnded(msgspec.Struct, frozen=True, kw_only=True):
    """A trader stopped by itself; its host goes on."""

    account: AccountId
    epoch: Epoch
    reason: str
    fenced: bool = False
    """Somebody else holds its lease: not a failure of its own."""
    closed: bool = False
    """Its run has ended as was asked."""
    quarantine: bool = False
    """It asked to be left alone until a person has looked at it."""


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    account: AccountId
    user: UserId
    epoch: Epoch
    state: str
    reason: str = ""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A line for the decision log, with the id that makes writing it twice harmless."""

    id: str
    account: AccountId
    user: UserId
    run: RunId
    record: Record


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    account: AccountId
    epoch: Epoch
    run: RunId
    checkpoint: Checkpoint


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    """What an account was worth at a moment, in its quote asset."""

    account: AccountId
    user: UserId
    at: datetime
    quote_asset: Asset
    equity: Decimal
    realised: Decimal
    unrealised: Decimal


class LedgerBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be remembered. Sent again as it is when the ledger did not answer: rows are keyed."""

    decisions: tuple[Decided, ...] = ()
    checkpoints: tuple[Saved, ...] = ()
    equity: tuple[Worth, ...] = ()
    candles: tuple[tuple[VenueName, Candle], ...] = ()
