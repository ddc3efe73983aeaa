"""Whatever becomes of a run's news on its way, the books end the same, and equal the venue's to the last digit."""

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.integration.trading.engine import Engine, News
from tests.integration.trading.gateway import Gateway
from tests.integration.trading.runs import RUNS, trade
from tests.integration.trading.trader import Trader
from trading.decide import begin, decide
from trading.events import Event, OrderChanged, RequestResync, Resynced, Snapshot
from trading.ids import Asset
from trading.money import ZERO
from trading.state import TraderState

pytestmark = pytest.mark.slow

SEQUENCES_PER_RUN = 125
RUN_LENGTH_H = 4


class Chronicle(Gateway):
    """Keeps all that it told, and how things stood each time."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.told: list[OrderChanged] = []
        self.pages = [self.snapshot()]

    def hear(self, news: Sequence[News]) -> Sequence[OrderChanged]:
        changes = super().hear(news)
        self.told += changes
        self.pages.append(self.snapshot())
        return changes

    def page(self, seq: int) -> Snapshot:
        """How things stood when that news was committed, with all that was committed together with it."""
        return next(page for page in self.pages if page.seq >= seq)


@cache
def recorded(name: str, discount: bool) -> tuple[Trader, Chronicle]:
    run = RUNS[name]
    balances = {**run.balances, "BNB": "0.05"} if discount else run.balances
    trader = trade(
        msgspec.structs.replace(run, hours=RUN_LENGTH_H, balances=balances, discount=discount), gateway=Chronicle
    )
    assert isinstance(trader.gateway, Chronicle)
    return trader, trader.gateway


class Mishap(StrEnum):
    NONE = "none"
    LOST = "lost"
    REPEATED = "repeated"
    SWAPPED = "swapped"
    REVERSED = "reversed"
    DIED = "died"
    """The process, with all that it had not saved."""


class Listener:
    """A trader that is told of the run, well or badly, and asks for everything again when it loses track."""

    def __init__(self, trader: Trader, chronicle: Chronicle) -> None:
        self.state: TraderState
        self._assignment = trader.assignment
        self._chronicle = chronicle
        self._now = chronicle.engine.now
        self._asked = False
        self._committed = 0
        """The newest of what happened, heard or not."""
        self._begin()

    def live(self, mishap: Mishap, length: int) -> None:
        """Through the next part of the run."""
        told, start = self._chronicle.told, self._committed
        part = told[start : start + length]
        self._committed += len(part)
        match mishap:
            case Mishap.NONE:
                self._hear(part)
            case Mishap.LOST:
                pass
            case Mishap.REPEATED:
                self._hear([*part, *part, *told[:length]])
            case Mishap.SWAPPED:
                rest = told[self._committed : self._committed + length]
                self._committed += len(rest)
                self._hear([*rest, *part])
            case Mishap.REVERSED:
                self._hear(part[::-1])
            case Mishap.DIED:
                self._begin()

    def resync(self) -> None:
        self._asked = False
        self._decide(Resynced(self._chronicle.page(self._committed)))

    def _begin(self) -> None:
        """As a process does: knowing nothing but what the gateway tells it."""
        self.state = begin(self._assignment)
        self.resync()

    def _hear(self, changes: Sequence[OrderChanged]) -> None:
        # What was asked for during the part before arrives in the middle of this one.
        late = len(changes) // 2 if self._asked else None
        for place, change in enumerate(changes):
            if place == late:
                self.resync()
            self._decide(change)

    def _decide(self, event: Event) -> None:
        self.state, decisions = decide(self.state, event, self._now)
        self._asked |= any(isinstance(decision, RequestResync) for decision in decisions)


@pytest.mark.parametrize("discount", [False, True], ids=["fees in what is traded", "fees in BNB"])
@pytest.mark.parametrize("name", RUNS)
def test_any_order_repetition_and_loss_of_a_runs_news_reaches_the_same_books(name: str, discount: bool) -> None:
    trader, chronicle = recorded(name, discount)
    newest, books = len(chronicle.told), trader.state.memory.books
    assert newest, "a run without news shows nothing"

    @settings(max_examples=SEQUENCES_PER_RUN, deadline=None)
    @given(st.lists(st.tuples(st.sampled_from(Mishap), st.integers(1, 8)), max_size=40))
    def tell(story: list[tuple[Mishap, int]]) -> None:
        listener = Listener(trader, chronicle)
        for mishap, length in story:
            listener.live(mishap, length)
        listener.live(Mishap.NONE, newest)
        if listener.state.seq < newest:
            listener.resync()
        assert listener.state.memory.books == books
        assert listener.state.slots == trader.state.slots
        assert ledger(listener.state, chronicle.engine) == chronicle.engine.totals()

    tell()


def ledger(state: TraderState, engine: Engine) -> dict[Asset, Decimal]:
    """What the account must hold by our books, before and after every fill that they know."""
    flows = state.memory.books.flows
    return {asset: engine.opening.get(asset, ZERO) + flows.get(asset, ZERO) for asset in {*engine.opening, *flows}}
