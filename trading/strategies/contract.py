"""What a strategy is: settings, a small memory, and one pure function from what it sees to the orders it wants.

A strategy is *level-triggered*. It does not send, cancel or count; at every look it names the orders that should stand
now, and `trading.reconcile` makes it so. It may be asked at any moment, twice in a row, or after a crash:

- Each place where an order may stand is a *slot* with a name, for instance `B:1`. Each time that the slot should trade
  again is a new *cycle*. The same (slot, cycle) is the same wish, however often it is named, and its quantity is the
  whole that it should trade, what has filled included.
- What became of a slot is in `View.slot(slot, cycle)`: sums over all attempts. Move on to the next cycle when the
  order you wished for has ended (`View.finished`), never by counting calls.
- A changed price or quantity replaces the order: change it only when it matters. A wish that is not repeated is
  withdrawn.
- The memory (`State`) is saved in one transaction with every order sent, so it is never older than the orders. What
  changed without an order may be lost in a crash: it must be safe to find that out again from the facts.
- The same view, state and params give the same answer; an answer applied to unchanged facts gives itself again. So
  notes and new cycles come with a change of state, never at every look.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from trading.errors import TradingError
from trading.events import Answer, Command, Question
from trading.ids import Asset, Slot, Symbol
from trading.instruments import Instrument
from trading.ledgers import Ledger
from trading.market import Quote, Reading
from trading.orders import DesiredOrder
from trading.params import Problem
from trading.positions import Position
from trading.reconcile import left_of
from trading.slots import SlotFacts

SymbolName = Annotated[
    Symbol, msgspec.Meta(pattern=r"^[A-Z0-9]+/[A-Z0-9]+$", max_length=40, description="a market, for instance BTC/USDT")
]


class Indicator(msgspec.Struct, frozen=True):
    """For instance `Indicator("rsi", (14,))`. Computed once for all who ask for the same."""

    name: str
    periods: tuple[int, ...]

    @property
    def key(self) -> str:
        return f"{self.name}:{','.join(map(str, self.periods))}"


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """Closed candles of one market and timeframe, and indicators over them."""

    symbol: Symbol
    timeframe: str
    indicators: tuple[Indicator, ...] = ()
    depth: int = 2
    """How many candles back: two are enough to see a crossing."""


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """What a strategy is fed."""

    symbols: tuple[Symbol, ...]
    """All of these must be quoted and their rules known before it is asked; until then what stands is left as it is."""
    feeds: tuple[Feed, ...] = ()
    """It is asked without them too, since a stop cannot wait for a candle: look them up in `View.readings`."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """All that a strategy sees. Every price in it is finite and above zero."""

    now: datetime
    quotes: Mapping[Symbol, Quote]
    instruments: Mapping[Symbol, Instrument]
    readings: Mapping[tuple[Symbol, str], Reading]
    """By symbol and timeframe; a feed that has not come yet is missing."""
    positions: Mapping[Symbol, Position]
    """What this run has bought and not sold; a symbol never traded is missing."""
    balances: Mapping[Asset, tuple[Decimal, Decimal]]
    """Free and locked, of the whole account."""
    slots: Mapping[Slot, SlotFacts]
    ledgers: Mapping[str, Ledger] = {}
    commands: tuple[Command, ...] = ()
    answers: Mapping[str, Answer] = {}

    def slot(self, slot: Slot, cycle: int) -> SlotFacts | None:
        """What became of that cycle; None while nothing of it was sent."""
        facts = self.slots.get(slot)
        return facts if facts is not None and facts.cycle == cycle else None

    def finished(self, wish: DesiredOrder) -> bool:
        """Whether this wish is fulfilled: nothing of it works, and what is left is too small to send."""
        facts = self.slot(wish.slot, wish.cycle)
        if facts is None or facts.live or not facts.filled:
            return False
        price = wish.price if wish.price is not None else self.quotes[wish.symbol].mid
        return not left_of(wish, facts, self.instruments[wish.symbol], price)


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """A line for the decision log: something changed, and the numbers that changed it."""

    kind: str
    symbol: Symbol | None = None
    reason: str
    detail: Mapping[str, Any] = {}


class Wish(msgspec.Struct, frozen=True):
    """A strategy's answer: what should stand now, and what it wants to remember."""

    orders: tuple[DesiredOrder, ...]
    state: Any
    notes: tuple[Note, ...] = ()
    questions: tuple[Question, ...] = ()
    """What it waits to be told; asked once each, and forgotten when no longer listed."""


def _nothing_wrong(_params: Any) -> tuple[Problem, ...]:
    return ()


def _as_they_are(params: Any) -> Any:
    return params


def _all_of_it(_params: Any) -> Mapping[str, Decimal]:
    return {}


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """A strategy under its name. `state` must be made without arguments: that is what a run begins with."""

    name: str
    about: str
    """One sentence: what it believes."""
    params: Any
    """A struct type, or a union of tagged ones where the strategy has several modes."""
    state: type[msgspec.Struct]
    needs: Callable[[Any], Needs]
    decide: Callable[[View, Any, Any], Wish]
    """From view, state and params."""
    check: Callable[[Any], tuple[Problem, ...]] = _nothing_wrong
    """What is wrong with params whose fields are each right on their own."""
    prepare: Callable[[Any], Any] = _as_they_are
    """Makes of params, once, what `decide` is given in their place."""
    capital: Callable[[Any], Mapping[str, Decimal]] = _all_of_it
    """Where several strategies share the account: the quote amount reserved to each ledger."""


class UnknownStrategy(TradingError):
    def __init__(self, name: str, known: Mapping[str, Strategy]) -> None:
        super().__init__(f"no strategy is called {name!r}; there are {', '.join(sorted(known))}")
        self.name = name
