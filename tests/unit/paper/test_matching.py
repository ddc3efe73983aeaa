"""Price first, then time; never worse than the limit, never more than there is."""

from hypothesis import given
from hypothesis import strategies as st

from paper.matching import Book, Resting


def book_of(*orders: tuple[int, bool, int, int]) -> Book:
    book = Book()
    for order in orders:
        book.rest(Resting(*order))
    return book


def met(book: Book, buy: bool, quantity: int, limit: int | None = None) -> list[tuple[int, int]]:
    return [(order.id, amount) for order, amount in book.match(buy, quantity, limit)]


def test_the_better_price_trades_first() -> None:
    book = book_of((1, False, 102, 5), (2, False, 101, 5), (3, False, 103, 5))
    assert met(book, True, 12) == [(2, 5), (1, 5), (3, 2)]


def test_at_one_price_who_has_waited_longest_trades_first() -> None:
    book = book_of((1, True, 100, 5), (2, True, 100, 5), (3, True, 100, 5))
    assert met(book, False, 7) == [(1, 5), (2, 2)]
    assert met(book, False, 7) == [(2, 3), (3, 4)]


def test_nothing_trades_beyond_the_limit() -> None:
    book = book_of((1, False, 101, 5), (2, False, 102, 5))
    assert met(book, True, 10, 101) == [(1, 5)]
    assert book.best_ask == 102


def test_a_cancelled_order_leaves_from_anywhere_in_the_queue() -> None:
    book = book_of((1, True, 100, 5), (2, True, 100, 6), (3, True, 100, 7))
    book.cancel(2)
    assert book.quantity_at(True, 100) == 12
    assert met(book, False, 12) == [(1, 5), (3, 7)]
    assert book.cancel(3) is None
    assert book.best_bid is None


def test_a_reduced_order_keeps_its_place() -> None:
    book = book_of((1, True, 100, 5), (2, True, 100, 5))
    book.reduce(1, 2)
    assert met(book, False, 3) == [(1, 2), (2, 1)]


def test_depth_counts_each_level_once_best_first() -> None:
    book = book_of((1, False, 103, 1), (2, False, 101, 2), (3, False, 101, 3), (4, False, 102, 4))
    assert book.depth(False, 2) == [(101, 5), (102, 4)]


orders = st.lists(
    st.one_of(
        st.tuples(st.just("limit"), st.booleans(), st.integers(90, 110), st.integers(1, 20)),
        st.tuples(st.just("market"), st.booleans(), st.just(0), st.integers(1, 60)),
        st.tuples(st.just("cancel"), st.booleans(), st.integers(0, 40), st.just(0)),
    ),
    max_size=60,
)


@given(orders)
def test_any_day_agrees_with_a_book_kept_by_hand(day: list[tuple[str, bool, int, int]]) -> None:
    book = Book()
    by_hand: list[list[int]] = []  # [id, is a bid, price, quantity], in the order in which they came
    for number, (what, buy, price, quantity) in enumerate(day, 1):
        if what == "cancel":
            book.cancel(price)
            by_hand = [order for order in by_hand if order[0] != price]
            continue
        limit = price if what == "limit" else None
        expected = []
        left = quantity
        others = [o for o in by_hand if o[1] != buy and (limit is None or (o[2] <= limit if buy else o[2] >= limit))]
        for order in sorted(others, key=lambda o: o[2] if buy else -o[2]):
            amount = min(left, order[3])
            if amount:
                expected.append((order[0], amount))
                order[3] -= amount
                left -= amount
        by_hand = [order for order in by_hand if order[3]]
        assert book.available(buy, limit) == sum(amount for _, amount in expected) + sum(
            o[3] for o in by_hand if o in others
        )
        assert met(book, buy, quantity, limit) == expected
        if what == "limit" and left:
            book.rest(Resting(number, buy, price, left))
            by_hand.append([number, buy, price, left])
        assert set(book.orders) == {order[0] for order in by_hand}
        for side in (True, False):
            levels: dict[int, int] = {}
            for order in by_hand:
                if order[1] == side:
                    levels[order[2]] = levels.get(order[2], 0) + order[3]
            assert list(book.levels(side)) == sorted(levels.items(), reverse=side)


def test_empty_levels_are_forgotten_even_if_the_price_never_returns() -> None:
    book = Book()
    for price in range(1, 5000):
        book.rest(Resting(price, True, price, 1))
        book.cancel(price - 1)
    assert sum(1 for _ in book.levels(True)) == 1
    assert len(book._bids.levels) < 600
