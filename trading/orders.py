"""An order's life.

Four shapes of one thing, so that a step cannot be skipped:

`DesiredOrder`   what a strategy wants to stand at the venue now
`ApprovedOrder`  the same after `trading.risk` let it through; nothing else may be sent
`Order`          what we know of an order that was intended, whatever became of it
`Outcome`        what sending told us: accepted, refused, or unknown; there is no fourth
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

import msgspec

from trading.errors import TradingError
from trading.ids import ClientOrderId, RunId, Slot, Symbol, VenueOrderId
from trading.money import ZERO


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"


class OrderKind(StrEnum):
    LIMIT = "limit"
    LIMIT_MAKER = "limit_maker"
    """A limit order that the venue refuses when it would trade at once."""
    MARKET = "market"


class Purpose(StrEnum):
    ENTRY = "entry"
    """Takes on exposure: refused on stale data, in reduce-only, and past a limit."""
    EXIT = "exit"
    """Gives exposure up: allowed whenever anything is."""


class OrderState(StrEnum):
    INTENDED = "intended"
    """Committed to our database; from then on it may be on its way to the venue."""
    UNKNOWN = "unknown"
    """Sent, with no answer that settles it. Freezes the symbol until the venue has spoken."""
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    """Ended by the venue's clock, or proven never to have reached it."""


class OrderEvent(StrEnum):
    OUTCOME_LOST = "outcome_lost"
    OPENED = "opened"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


TERMINAL = frozenset({OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED})
UNSETTLED = frozenset({OrderState.INTENDED, OrderState.UNKNOWN})
"""The venue may or may not have it: no second order for the same thing until it is settled."""
WORKING = frozenset({OrderState.OPEN, OrderState.PARTIALLY_FILLED})


def _transitions() -> dict[tuple[OrderState, OrderEvent], OrderState]:
    s, e = OrderState, OrderEvent
    settled = {
        e.OPENED: s.OPEN,
        e.PARTIALLY_FILLED: s.PARTIALLY_FILLED,
        e.FILLED: s.FILLED,
        e.CANCELLED: s.CANCELLED,
        e.REJECTED: s.REJECTED,
        e.EXPIRED: s.EXPIRED,
    }
    table: dict[tuple[OrderState, OrderEvent], OrderState] = {}
    # A gateway that died between commit and send leaves INTENDED behind; its successor asks the venue, so every
    # answer is possible there too.
    for state in (s.INTENDED, s.UNKNOWN):
        table |= {(state, event): target for event, target in settled.items()}
        table[state, e.OUTCOME_LOST] = s.UNKNOWN
    for state in (s.OPEN, s.PARTIALLY_FILLED):
        table |= {(state, event): target for event, target in settled.items() if event is not e.REJECTED}
    # The user stream may deliver "opened" after the first fill.
    table[s.PARTIALLY_FILLED, e.OPENED] = s.PARTIALLY_FILLED
    # The stream may tell of an order before its own request times out: the lost answer then says nothing new.
    for state in (*WORKING, *TERMINAL):
        table[state, e.OUTCOME_LOST] = state
    # Venues cancel or expire an order and then report a fill that had already happened; late news of a smaller
    # thing never takes an order out of a terminal state. A refusal of an order that the venue has worked on is no
    # late news but a contradiction, and stays out of the table.
    for state in TERMINAL:
        table |= {(state, event): state for event in settled if event is not e.REJECTED}
    for state in (s.REJECTED, s.EXPIRED):
        table[state, e.REJECTED] = state
    for state in (s.CANCELLED, s.EXPIRED, s.REJECTED):
        table[state, e.FILLED] = s.FILLED
    # "Never arrived" was a proof by time, and a refusal may have been read wrongly; should the order appear after
    # all, the venue is right and we are not. What it trades counts, and what it should not trade is cancelled.
    for state in (s.EXPIRED, s.REJECTED):
        table[state, e.OPENED] = s.OPEN
        table[state, e.PARTIALLY_FILLED] = s.PARTIALLY_FILLED
    return table


TRANSITIONS: Mapping[tuple[OrderState, OrderEvent], OrderState] = MappingProxyType(_transitions())


class IllegalTransition(TradingError):
    """An event that cannot happen to an order in this state: a fault of ours, never something to ignore."""

    def __init__(self, state: OrderState, event: OrderEvent) -> None:
        super().__init__(f"an order that is {state} cannot become {event}")
        self.state = state
        self.event = event


def advance(state: OrderState, event: OrderEvent) -> OrderState:
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(state, event) from None


class DesiredOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy wants to stand at the venue.

    `quantity` is the whole amount that this slot should trade in this cycle, what is already filled included: the
    order actually sent is for the remainder, so wanting the same thing twice never trades twice.
    """

    slot: Slot
    cycle: int
    """Grows when the strategy wants the slot to trade again (the next round, the next grid turn)."""
    symbol: Symbol
    side: Side
    kind: OrderKind
    quantity: Decimal
    price: Decimal | None = None
    purpose: Purpose
    reason: str


class ApprovedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that risk let through, fitted to the market's rules and named. Made by `trading.risk` alone."""

    client_order_id: ClientOrderId
    run: RunId
    slot: Slot
    cycle: int
    attempt: int
    """Grows when the same wish is sent again: a moved price, a cancelled remainder."""
    symbol: Symbol
    side: Side
    kind: OrderKind
    quantity: Decimal
    price: Decimal | None
    purpose: Purpose
    reason: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What we know of an order. `filled` and `quote_filled` are sums of recorded fills, never a venue's summary."""

    client_order_id: ClientOrderId
    run: RunId
    slot: Slot
    cycle: int
    attempt: int
    symbol: Symbol
    side: Side
    kind: OrderKind
    quantity: Decimal
    price: Decimal | None
    purpose: Purpose
    state: OrderState
    filled: Decimal = ZERO
    quote_filled: Decimal = ZERO
    venue_order_id: VenueOrderId | None = None
    reason: str = ""
    """Why it was refused or ended, in the venue's words; empty while all is well."""
    created_at: datetime
    updated_at: datetime

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled


class Accepted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    client_order_id: ClientOrderId
    venue_order_id: VenueOrderId


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It certainly does not exist at the venue: the venue said no, or we never sent it."""

    client_order_id: ClientOrderId
    code: str
    reason: str


class Unknown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It may or may not exist. Nothing is resent; the venue is asked by client order id until it has answered."""

    client_order_id: ClientOrderId
    reason: str


Outcome = Accepted | Refused | Unknown
