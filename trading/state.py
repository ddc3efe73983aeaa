"""All that a trader knows: what it was told, what it heard, and what it must not forget."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from trading.books import EMPTY, Books
from trading.errors import TradingError
from trading.events import Answer, Assignment, Checkpoint, CloseMode, Command, Control, OrderChanged
from trading.guard import Watch
from trading.ids import Asset, ClientOrderId, Slot, Symbol
from trading.instruments import Instrument
from trading.limits import Limits
from trading.market import Quote, Reading
from trading.orders import Order
from trading.samples import Samples
from trading.slots import SlotFacts
from trading.strategies.contract import Needs, Strategy


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives the process, beside the strategy's own state: `Checkpoint.books` in plain types."""

    books: Books = EMPTY
    watch: Watch = Watch()
    closing: CloseMode | None = None
    closing_reason: str = ""
    commands: Mapping[str, Command] = {}
    samples: Samples = Samples()


class Shown(msgspec.Struct, frozen=True):
    """A refusal in the decision log: it is not written again at every look."""

    rule: str
    since: datetime
    written_at: datetime | None


class TraderState(msgspec.Struct, frozen=True, kw_only=True):
    """One trader. Mappings in it are never changed, only replaced."""

    assignment: Assignment
    strategy: Strategy
    params: Any
    limits: Limits
    needs: Needs
    reserved: Mapping[str, Decimal] = {}
    """The quote amount of each ledger, where several strategies share the account."""
    zone: ZoneInfo

    synced: bool = False
    synced_at: datetime | None = None
    resync_asked_at: datetime | None = None
    early: tuple[OrderChanged, ...] = ()
    """News heard while waiting for a snapshot: it may be older than they are."""
    seq: int = 0
    version: int = 0
    saved_at: datetime | None = None
    dirty: bool = False
    """Something worth remembering is not in the newest checkpoint."""
    urgent: bool = False
    """And nobody else remembers it, so it is saved at once."""

    quotes: Mapping[Symbol, Quote] = {}
    instruments: Mapping[Symbol, Instrument] = {}
    readings: Mapping[tuple[Symbol, str], Reading] = {}
    balances: Mapping[Asset, tuple[Decimal, Decimal]] = {}
    promised: Mapping[ClientOrderId, tuple[Asset, Decimal]] = {}
    """What our own orders will lock, as long as the venue's balances do not show it."""
    control: Control = Control.ACTIVE
    symbol_controls: Mapping[Symbol, Control] = {}
    orders: Mapping[ClientOrderId, Order] = {}
    slots: Mapping[Slot, SlotFacts] = {}
    awaited: frozenset[ClientOrderId] = frozenset()
    """Submitted by this process, with no outcome yet: a snapshot may be too old to have them."""
    cancelling: Mapping[ClientOrderId, datetime] = {}
    sent_at: tuple[datetime, ...] = ()
    """Of the last minute."""
    answers: Mapping[str, Answer | None] = {}
    """Questions put, and what was answered."""
    shown: Mapping[str, Shown] = {}
    errors_in_row: int = 0
    failed_at: datetime | None = None
    """When the strategy's code last raised: it is asked again after a pause that grows."""
    halted_by: str = ""
    """Why this trader has stopped for good: quarantined, or its run closed. Empty while it trades."""

    memory: Memory = Memory()
    strategy_state: Any

    @property
    def quote_asset(self) -> Asset:
        """The asset that limits and profit are in: the quote of the first market."""
        return Asset(self.needs.symbols[0].partition("/")[2])


class CheckpointUnreadable(TradingError):
    """A checkpoint that this version cannot read. Trading on without it would be guessing."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(
            f"the saved state does not fit this version of the strategy ({cause}); close the run or go back"
        )


def pack(state: TraderState, version: int) -> Checkpoint:
    return Checkpoint(
        version=version,
        seq=state.seq,
        books=msgspec.to_builtins(state.memory),
        strategy=msgspec.to_builtins(state.strategy_state),
    )


def unpack(checkpoint: Checkpoint, strategy: Strategy) -> tuple[Memory, Any]:
    try:
        return msgspec.convert(checkpoint.books, Memory), msgspec.convert(checkpoint.strategy, strategy.state)
    except msgspec.ValidationError as error:
        raise CheckpointUnreadable(error) from None
