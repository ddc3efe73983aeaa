"""What news does to the books, whatever the order it comes in and however often it is told."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.orders.books import Books
from storage.orders.news import KnownOrder, OrderNews
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, RunId, Slot, Symbol, TradeId, VenueOrderId
from trading.orders import TERMINAL, IllegalTransition, Order, OrderEvent, OrderKind, OrderState, Purpose, Side

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
BTC = Symbol("BTC/USDT")
OURS = ClientOrderId("tf1")
THEIRS = VenueOrderId("v1")

INTENDED = KnownOrder(
    order=Order(
        client_order_id=OURS,
        run=RunId("run_1"),
        slot=Slot("B:1"),
        cycle=1,
        attempt=1,
        symbol=BTC,
        side=Side.BUY,
        kind=OrderKind.LIMIT,
        quantity=Decimal(10),
        price=Decimal(100),
        purpose=Purpose.ENTRY,
        state=OrderState.INTENDED,
        created_at=NOON,
        updated_at=NOON,
    ),
    settled_at=None,
)


def a_fill(trade: int, quantity: Decimal, *, named: bool) -> Fill:
    return Fill(
        symbol=BTC,
        trade_id=TradeId(str(trade)),
        venue_order_id=THEIRS,
        client_order_id=OURS if named else None,
        side=Side.BUY,
        price=Decimal(100) - trade,
        quantity=quantity,
        fee=Decimal("0.01"),
        fee_asset=Asset("USDT"),
        maker=True,
        at=NOON,
    )


def heard(event: OrderEvent, executed: Decimal | None = None, reason: str = "") -> OrderNews:
    named = event not in {OrderEvent.OUTCOME_LOST, OrderEvent.REJECTED}
    return OrderNews(
        client_order_id=OURS,
        event=event,
        venue_order_id=THEIRS if named else None,
        reason=reason,
        executed=executed,
    )


def read(news: list[OrderNews | Fill]) -> Books:
    books = Books(0, NOON, [INTENDED], [])
    for item in news:
        books.take(item)
    return books


@st.composite
def lives(draw: st.DrawFn) -> list[OrderNews | Fill]:
    """All that a venue tells of one order: it opens, trades for a while, and fills, is cancelled, or stays."""
    quantities = draw(st.lists(st.integers(1, 4).map(Decimal), max_size=4).filter(lambda each: sum(each) <= 10))
    traded = sum(quantities, Decimal(0))
    news: list[OrderNews | Fill] = [heard(OrderEvent.OPENED, executed=Decimal(0))]
    for trade, quantity in enumerate(quantities):
        news.append(a_fill(trade, quantity, named=draw(st.booleans())))
    if traded == 10:
        news.append(heard(OrderEvent.FILLED, executed=traded))
    elif draw(st.booleans()):
        news.append(heard(OrderEvent.CANCELLED, executed=traded, reason="you said so"))
    if draw(st.booleans()):
        news.append(heard(OrderEvent.OUTCOME_LOST, reason="timed out"))
    return news


@given(data=st.data(), life=lives())
def test_any_order_and_any_repetition_of_the_news_end_the_same(
    data: st.DataObject, life: list[OrderNews | Fill]
) -> None:
    repeated = life + data.draw(st.lists(st.sampled_from(life)))
    shuffled = read(data.draw(st.permutations(repeated)))
    assert shuffled.orders[OURS].order == read(life).orders[OURS].order


@given(data=st.data(), life=lives())
def test_changes_are_numbered_without_a_gap_and_add_up_to_the_order(
    data: st.DataObject, life: list[OrderNews | Fill]
) -> None:
    books = read(data.draw(st.permutations(life)))
    assert [change.seq for change in books.changes] == list(range(1, books.seq + 1))
    told = {change.fill.trade_id: change for change in books.changes if change.fill}
    assert {entry.fill.trade_id: entry.seq for entry in books.fills.values()} == {t: c.seq for t, c in told.items()}
    order = books.orders[OURS].order
    fills = [change.fill for change in told.values() if change.fill]
    assert order.filled == sum((fill.quantity for fill in fills), Decimal(0))
    assert order.quote_filled == sum((fill.quote for fill in fills), Decimal(0))
    assert not books.changes or books.changes[-1].order == books.orders[OURS].told


@given(data=st.data(), life=lives())
def test_what_has_ended_is_settled_once_the_venue_has_been_asked_again(
    data: st.DataObject, life: list[OrderNews | Fill]
) -> None:
    books = read([*data.draw(st.permutations(life)), *life])
    known = books.orders[OURS]
    assert (known.settled_at is not None) is (known.order.state in TERMINAL)


@given(data=st.data(), life=lives())
def test_no_order_is_told_to_be_over_before_all_that_it_traded(
    data: st.DataObject, life: list[OrderNews | Fill]
) -> None:
    """Whoever heard the end first would send what seems to be missing once more."""
    traded = read(life).orders[OURS].order.filled
    for change in read(data.draw(st.permutations(life))).changes:
        assert change.order.state not in TERMINAL or change.order.filled == traded


def test_the_end_is_told_with_the_fill_that_was_missing_as_soon_as_the_venue_has_repeated_it() -> None:
    end = heard(OrderEvent.CANCELLED, executed=Decimal(4))
    books = read([heard(OrderEvent.OPENED), end, a_fill(1, Decimal(4), named=False), end])
    told = [(change.order.state, change.order.filled) for change in books.changes]
    assert told == [
        (OrderState.OPEN, Decimal(0)),
        (OrderState.PARTIALLY_FILLED, Decimal(4)),
        (OrderState.CANCELLED, Decimal(4)),
    ]


def test_an_order_whose_fills_are_missing_is_not_settled() -> None:
    books = read([heard(OrderEvent.FILLED, executed=Decimal(10)), a_fill(1, Decimal(4), named=True)])
    assert books.orders[OURS].order.state is OrderState.FILLED
    assert books.orders[OURS].settled_at is None
    books.take(a_fill(2, Decimal(6), named=True))
    assert books.orders[OURS].settled_at == NOON


def test_late_word_of_an_earlier_moment_settles_nothing() -> None:
    """The answer to a market order says that it is filled; then the stream begins to tell how that came about."""
    books = read([heard(OrderEvent.FILLED, executed=Decimal(10)), heard(OrderEvent.OPENED, executed=Decimal(0))])
    assert books.orders[OURS].settled_at is None
    assert books.changes[-1].order.state is OrderState.OPEN


def test_an_order_that_comes_back_is_no_longer_settled() -> None:
    """Proven never to have arrived, and then the venue has it after all."""
    books = read([heard(OrderEvent.EXPIRED)])
    assert books.orders[OURS].settled_at == NOON
    books.take(heard(OrderEvent.OPENED))
    assert books.orders[OURS].settled_at is None


def test_a_reason_is_forgotten_when_all_is_well_again() -> None:
    lost = heard(OrderEvent.OUTCOME_LOST, reason="timed out")
    assert read([lost]).orders[OURS].order.reason == "timed out"
    assert read([lost, heard(OrderEvent.OPENED)]).orders[OURS].order.reason == ""


def test_a_trade_on_another_market_is_not_taken_for_ours() -> None:
    """Venues number their orders by market, so one id may stand for two orders."""
    elsewhere = msgspec.structs.replace(a_fill(1, Decimal(10), named=False), symbol=Symbol("ETH/USDT"))
    books = read([heard(OrderEvent.OPENED), elsewhere])
    assert books.orders[OURS].order.filled == 0
    assert books.fills[elsewhere.symbol, elsewhere.trade_id].seq == 0


def test_an_order_keeps_the_time_of_its_last_change() -> None:
    later = NOON + timedelta(minutes=1)
    opened = read([heard(OrderEvent.OPENED)]).orders[OURS]
    books = Books(1, later, [opened], [])
    books.take(heard(OrderEvent.OPENED))
    assert books.orders[OURS].order.updated_at == NOON
    books.take(heard(OrderEvent.CANCELLED))
    assert books.orders[OURS].order.updated_at == later


def test_a_refusal_of_a_working_order_is_not_swallowed() -> None:
    with pytest.raises(IllegalTransition):
        read([heard(OrderEvent.OPENED), heard(OrderEvent.REJECTED)])
