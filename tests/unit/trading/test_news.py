"""However a run's news is shuffled, repeated or lost: after what it asked for came, the books are the same."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, D, Trader, Venue
from tests.unit.trading.test_convergence import PUPPET
from trading.books import EMPTY, Books, record
from trading.decide import begin, decide
from trading.events import Event, QuoteChanged, RequestResync, Resynced
from trading.ids import RunId, Slot, client_order_id
from trading.orders import ApprovedOrder, OrderKind, Purpose, Side
from trading.state import pack

OPENING = {"USDT": "100000", "BTC": "50"}


def a_run(trades: Sequence[tuple[str, str, str]]) -> tuple[Venue, list[Event]]:
    """Orders of both sides, filled in pieces or withdrawn; with all that was said about them."""
    venue = Venue(OPENING)
    venue.slice = D("0.4")
    for number, (side, quantity, price) in enumerate(trades):
        slot = Slot(f"O:{number % 3}")
        order = ApprovedOrder(
            client_order_id=client_order_id(RunId("run_1"), slot, number, 1),
            run=RunId("run_1"),
            slot=slot,
            cycle=number,
            attempt=1,
            symbol=BTC,
            side=Side(side),
            kind=OrderKind.LIMIT,
            quantity=D(quantity),
            price=D(price),
            purpose=Purpose.ENTRY,
            reason="",
        )
        venue.submit((order,))
        venue.move(D(price), D(price))
        if number % 2:
            venue.cancel(order.client_order_id)
        else:
            venue.match()
    return venue, list(venue.post)


def truth(venue: Venue) -> Books:
    books = EMPTY
    for _, fill in venue.fills:
        assert fill.client_order_id is not None
        books = record(books, fill, venue.orders[fill.client_order_id])
    return books


runs = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(["0.3", "0.5", "1.23456"]),
        st.sampled_from(["99.5", "100", "101.23"]),
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(runs, st.data())
def test_any_order_of_hearing_reaches_the_same_books(trades: list[tuple[str, str, str]], data: Any) -> None:
    venue, said = a_run(trades)
    kept = [event for event in said if not isinstance(event, QuoteChanged)]
    heard = data.draw(st.permutations(kept))
    heard = [event for event in heard if data.draw(st.integers(0, 3))]
    heard += data.draw(st.lists(st.sampled_from(kept), max_size=5)) if kept else []
    ours = Trader(Venue(OPENING), "puppet", {}, strategies={"puppet": PUPPET})
    state = ours.state
    for event in heard:
        state, decisions = decide(state, event, venue.now)
        if any(isinstance(decision, RequestResync) for decision in decisions):
            state, _ = decide(state, Resynced(venue.snapshot()), venue.now)
        if data.draw(st.booleans()) and state.synced:
            venue.checkpoint = pack(state, (venue.checkpoint.version if venue.checkpoint else 0) + 1)
    venue.post.clear()
    venue.repeat_newest()
    state, decisions = decide(state, venue.post[-1], venue.now)
    if any(isinstance(decision, RequestResync) for decision in decisions):
        state, _ = decide(state, Resynced(venue.snapshot()), venue.now)
    assert state.memory.books == truth(venue)
    for asset, amount in OPENING.items():
        assert D(amount) + state.memory.books.flows.get(asset, D(0)) == venue.total(asset)  # type: ignore[call-overload]


@given(runs, st.integers(0, 30))
def test_a_trader_that_died_anywhere_recovers_the_same_books(trades: list[tuple[str, str, str]], died_at: int) -> None:
    venue, said = a_run(trades)
    first = Trader(venue, "puppet", {}, strategies={"puppet": PUPPET})
    # It hears the run from the beginning, saves now and then, and dies.
    state = begin(first.assignment, first.strategies)
    state, _ = decide(state, Resynced(Venue(OPENING).snapshot()), venue.now)
    for event in said[:died_at]:
        state, _ = decide(state, event, venue.now)
    venue.checkpoint = None
    venue.save(pack(state, 1))
    successor = begin(first.assignment, first.strategies)
    successor, _ = decide(successor, Resynced(venue.snapshot()), venue.now)
    assert successor.memory.books == truth(venue)
    assert successor.seq == venue.seq
