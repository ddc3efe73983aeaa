"""What happens to a trader, and what it decides. Events are facts in the past tense; decisions are orders to `perform`.

The gateway numbers an account's news (`seq`) as it commits them. News n+1 follows n without a gap, or the trader asks
for a resync: a snapshot that says everything again. Facts are cumulative, so hearing one twice changes nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec

from trading.fills import Fill
from trading.ids import AccountId, Asset, ClientOrderId, Epoch, RunId, Symbol, UserId, VenueName
from trading.instruments import Instrument
from trading.market import Quote, Reading
from trading.orders import ApprovedOrder, Order, Outcome


class Control(StrEnum):
    """What a person allows an account, or one of its symbols, to do. The strictest of all levels holds."""

    ACTIVE = "active"
    REDUCE_ONLY = "reduce_only"
    HALTED = "halted"


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """All that a trader is told when it is made. Holds no secret: Ray keeps actor arguments."""

    account: AccountId
    user: UserId
    venue: VenueName
    run: RunId
    strategy: str
    params: Mapping[str, Any]
    epoch: Epoch
    time_zone: str = "UTC"
    limits: Mapping[str, Any] = {}
    """Of the risk manager (see `trading.limits.Limits`); what is not named has its default."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A trader's memory as of news number `seq`, in plain JSON types. Saved with every intent, in its transaction."""

    version: int
    """Grows with every save: an older checkpoint never replaces a newer one."""
    seq: int
    books: Mapping[str, Any]
    strategy: Mapping[str, Any]


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the gateway and the venue agree on it: what a trader starts from, and returns to after a gap."""

    seq: int
    checkpoint: Checkpoint | None
    orders: tuple[Order, ...]
    """Of this run: every order that is not settled, all attempts of the newest cycle of every slot, and the order of
    every fill below."""
    fills: tuple[Fill, ...]
    """Of this run, newer than the checkpoint, in the order of their news."""
    balances: Mapping[Asset, tuple[Decimal, Decimal]]
    """Free and locked."""
    instruments: Mapping[Symbol, Instrument]
    control: Control
    symbol_controls: Mapping[Symbol, Control] = {}


class Resynced(msgspec.Struct, frozen=True, tag=True):
    snapshot: Snapshot


class QuoteChanged(msgspec.Struct, frozen=True, tag=True):
    quote: Quote


class OrderChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """News of one order, with the fill that caused it if one did. `order` is the whole truth of it so far."""

    seq: int
    order: Order
    fill: Fill | None = None


class BalancesChanged(msgspec.Struct, frozen=True, tag=True):
    """The venue's word on these assets; others are as they were."""

    balances: Mapping[Asset, tuple[Decimal, Decimal]]


class OutcomesArrived(msgspec.Struct, frozen=True, tag=True):
    """The gateway's answer to a `SubmitOrders`, or `Unknown` for each when it did not answer."""

    outcomes: tuple[Outcome, ...]


class ControlChanged(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    control: Control
    symbols: Mapping[Symbol, Control] = {}


class ReadingChanged(msgspec.Struct, frozen=True, tag=True):
    """A candle closed on a feed that the strategy asked for."""

    reading: Reading


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What a person or a web hook asks of the strategy itself, for instance `panic_sell` or `long`.

    Heard once, whatever the number of deliveries: the strategy sees it until `expires_at` and remembers its id.
    """

    id: str
    name: str
    symbol: Symbol | None = None
    detail: Mapping[str, Any] = {}
    at: datetime
    expires_at: datetime


class CommandReceived(msgspec.Struct, frozen=True, tag=True):
    command: Command


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a `Question`. With an `error`, or no body, it means no."""

    question: str
    body: Mapping[str, Any] | None = None
    error: str = ""


class Answered(msgspec.Struct, frozen=True, tag=True):
    answer: Answer


class CloseMode(StrEnum):
    """How a run ends. Each withdraws what rests at the venue first."""

    CANCEL = "cancel"
    """Keep what is held."""
    MARKET = "market"
    """Sell what the run holds at once."""
    LIMIT = "limit"
    """Offer what the run holds at the best ask, and follow it."""


class CloseRequested(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The run is to end, and may not trade on. Cannot be taken back; a stronger mode replaces a weaker one."""

    mode: CloseMode
    reason: str


class TimePassed(msgspec.Struct, frozen=True, tag=True):
    """A second or so has passed: what depends on time alone is looked at again."""


Event = (
    Resynced
    | QuoteChanged
    | OrderChanged
    | BalancesChanged
    | OutcomesArrived
    | ControlChanged
    | ReadingChanged
    | CommandReceived
    | Answered
    | CloseRequested
    | TimePassed
)


class SubmitOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Send these, and remember the checkpoint, in one transaction with their intents."""

    orders: tuple[ApprovedOrder, ...]
    checkpoint: Checkpoint


class CancelOrders(msgspec.Struct, frozen=True):
    orders: tuple[tuple[Symbol, ClientOrderId], ...]


class SaveCheckpoint(msgspec.Struct, frozen=True):
    """Worth remembering, though nothing is sent. May be put off or merged with a later one."""

    checkpoint: Checkpoint


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A line in the decision log: what was decided or refused, and the numbers it rested on."""

    kind: str
    symbol: Symbol | None
    reason: str
    detail: Mapping[str, Any]
    at: datetime


class RequestResync(msgspec.Struct, frozen=True):
    reason: str


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Something that only the world outside knows, for instance whether a model confirms a signal."""

    id: str
    kind: str
    symbol: Symbol | None = None
    body: Mapping[str, Any] = {}


class Ask(msgspec.Struct, frozen=True):
    """Put these, and bring an `Answered` for each, with an error when there is none in time."""

    questions: tuple[Question, ...]


class Quarantine(msgspec.Struct, frozen=True):
    """This account must not trade again until a person has looked at it. Said once; nothing is sent after it."""

    reason: str


class RunClosed(msgspec.Struct, frozen=True):
    """What `CloseRequested` asked for is done: nothing works at the venue, nothing is left that can be sold."""

    reason: str


Decision = SubmitOrders | CancelOrders | SaveCheckpoint | Record | RequestResync | Ask | Quarantine | RunClosed
