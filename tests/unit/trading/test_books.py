"""The books: a fold of fills that equals the venue's balances, however often it is told what."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, T0, D
from tests.unit.trading.test_positions import fill
from trading.books import EMPTY, SEEN_MAX, Books, SlotFees, record
from trading.fills import Fill
from trading.ids import ClientOrderId, RunId, Slot
from trading.orders import Order, OrderKind, OrderState, Purpose, Side


def order(slot: str, cycle: int, side: Side = Side.BUY) -> Order:
    return Order(
        client_order_id=ClientOrderId("c"),
        run=RunId("r"),
        slot=Slot(slot),
        cycle=cycle,
        attempt=1,
        symbol=BTC,
        side=side,
        kind=OrderKind.LIMIT,
        quantity=D(1),
        price=D(100),
        purpose=Purpose.ENTRY,
        state=OrderState.FILLED,
        created_at=T0,
        updated_at=T0,
    )


def test_flows_are_what_trading_did_to_each_balance() -> None:
    books = EMPTY
    for one in (
        fill("buy", "2", "100", "0.002", "BTC", 1),
        fill("sell", "1", "110", "0.11", "USDT", 2),
        fill("sell", "0.5", "120", "0.0001", "BNB", 3),
    ):
        books = record(books, one, None)
    assert books.flows == {"BTC": D("0.498"), "USDT": D("-30.11"), "BNB": D("-0.0001")}
    assert books.fees == {"BTC": D("0.002"), "USDT": D("0.11"), "BNB": D("0.0001")}
    assert books.foreign_fees == {"BNB": D("0.0001")}
    assert books.position(BTC).quantity == D("0.498")


def test_a_trade_told_again_changes_nothing() -> None:
    one = fill("buy", "2", "100", "0.002", "BTC", 1)
    books = record(EMPTY, one, None)
    assert record(books, one, None) is books


def test_remembers_only_the_newest_trade_ids() -> None:
    books = EMPTY
    for number in range(3 * SEEN_MAX):
        books = record(books, fill("buy", "1", "1", number=number), None)
    assert len(books.seen[BTC]) == SEEN_MAX


def test_fees_are_added_up_per_slot_and_only_for_its_newest_cycle() -> None:
    books = EMPTY
    told = [
        (fill("buy", "1", "100", "0.001", "BTC", 1), order("B:1", 1)),
        (fill("buy", "1", "100", "0.002", "BTC", 2), order("B:1", 1)),
        (fill("sell", "1", "100", "0.1", "USDT", 3), order("S:1", 1, Side.SELL)),
        (fill("buy", "1", "100", "0.004", "BTC", 4), order("B:1", 2)),
        (fill("buy", "1", "100", "0.008", "BTC", 5), order("B:1", 1)),
    ]
    for one, of in told:
        books = record(books, one, of)
    assert books.slot_fees == {
        "B:1": SlotFees(cycle=2, base=D("0.004")),
        "S:1": SlotFees(cycle=1, quote=D("0.1")),
    }


fills = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]), st.sampled_from(["0.5", "1", "0.33"]), st.sampled_from(["99", "101.7"])
    ),
    max_size=20,
).map(lambda rows: [fill(side, quantity, price, "0.01", number=n) for n, (side, quantity, price) in enumerate(rows)])


@given(fills, st.data())
def test_repeating_any_of_them_reaches_the_same_books(told: list[Fill], data: st.DataObject) -> None:
    once = EMPTY
    for one in told:
        once = record(once, one, None)
    twice = EMPTY
    for number, one in enumerate(told):
        twice = record(twice, one, None)
        if data.draw(st.booleans()):
            twice = record(twice, told[data.draw(st.integers(0, number))], None)
    assert once == twice


@given(fills)
def test_books_survive_their_way_through_json(told: list[Fill]) -> None:
    books = EMPTY
    for one in told:
        books = record(books, one, None)
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(msgspec.to_builtins(books))), Books) == books
