from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.accounts.schemas import AccountPage
from api.errors import ApiError
from api.paging import Keyset
from storage.keyset import Position

MOMENTS = st.datetimes(timezones=st.just(UTC))
KEYS = st.lists(st.text(max_size=20), min_size=1, max_size=3).map(tuple)


def cursor_after(name: str, position: Position) -> str:
    page = Keyset.read(name, 1, None).page(AccountPage, [1, 2], lambda row: row, lambda _: position)
    assert page.next_cursor is not None
    return page.next_cursor


@given(at=MOMENTS, key=KEYS)
def test_a_cursor_leads_back_to_where_it_was_given_out(at: datetime, key: tuple[str, ...]) -> None:
    position = Position(at, key)
    assert Keyset.read("fills", 10, cursor_after("fills", position), parts=len(key)).after == position


@given(at=MOMENTS, place=st.integers(0), letter=st.sampled_from("ABCabc019-_"))
def test_a_cursor_with_one_other_letter_is_unknown(at: datetime, place: int, letter: str) -> None:
    cursor = cursor_after("fills", Position(at, ("BTC/USDT", "17")))
    place %= len(cursor)
    if cursor[place] == letter:
        return
    with pytest.raises(ApiError):
        Keyset.read("fills", 10, cursor[:place] + letter + cursor[place + 1 :], parts=2)


@given(text=st.text(max_size=200))
def test_no_text_but_a_cursor_is_read_as_one(text: str) -> None:
    with pytest.raises(ApiError):
        Keyset.read("fills", 10, text)


def test_a_cursor_belongs_to_one_list() -> None:
    cursor = cursor_after("orders", Position(datetime(2026, 3, 1, tzinfo=UTC), ("a",)))
    with pytest.raises(ApiError):
        Keyset.read("decisions", 10, cursor)


@pytest.mark.parametrize(("rows", "shown", "more"), [(0, 0, False), (3, 3, False), (4, 3, True)])
def test_the_row_too_many_says_that_there_is_more(rows: int, shown: int, more: bool) -> None:
    position = Position(datetime(2026, 3, 1, tzinfo=UTC), ("a",))
    page = Keyset.read("accounts", 3, None).page(AccountPage, range(rows), lambda row: row, lambda _: position)
    assert (len(page.items), page.next_cursor is not None) == (shown, more)
