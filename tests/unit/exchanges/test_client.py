from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.errors import StreamLost
from exchanges.feed import WAITING_MAX, Feed
from trading.money import plain


async def test_the_end_of_a_connection_is_told_though_nobody_awaits_ccxt_at_that_moment(binance: Any) -> None:
    for end in ("on_close", "on_error"):
        feed = Feed[Any]()
        client = binance.copy_with(feed=feed)
        connection = client.client("ws://127.0.0.1:1")
        getattr(connection, end)(ConnectionError() if end == "on_error" else 1006)
        with pytest.raises(StreamLost):
            await feed.get()


async def test_a_streams_numbers_keep_their_digits(binance: Any) -> None:
    client = binance.copy_with(feed=Feed[Any]())
    heard: list[Any] = []
    client.handle_message = lambda _, message: heard.append(message)
    client.client("ws://127.0.0.1:1").handle_text_or_binary_message(b'{"p": 0.1234567890123456789, "n": 7}')
    assert heard == [{"p": "0.1234567890123456789", "n": 7}]


@given(
    quantity=st.decimals(min_value="0.00000001", max_value=10**12, places=8),
    price=st.decimals(min_value="0.00000001", max_value=10**12, places=8),
)
def test_an_approved_order_is_sent_to_the_last_digit(binance: Any, quantity: Decimal, price: Decimal) -> None:
    request = binance.create_order_request("BTC/USDT", "limit", "buy", plain(quantity), plain(price))
    assert (Decimal(request["quantity"]), Decimal(request["price"])) == (quantity, price)
    assert "E" not in request["quantity"] + request["price"]


def test_a_copy_has_its_own_memory_and_shares_the_markets(binance: Any) -> None:
    copy = binance.copy_with(apiKey="key")
    assert copy.apiKey != binance.apiKey
    assert copy.markets is binance.markets
    for own in ("options", "clients", "balance", "bidsasks"):
        assert getattr(copy, own) is not getattr(binance, own)


async def test_a_feed_keeps_its_order_and_tells_its_first_failure_last() -> None:
    feed = Feed[int]()
    for item in range(5):
        feed.put(item)
    feed.fail(StreamLost("first"))
    feed.fail(StreamLost("second"))
    feed.put(99)
    assert [await feed.get() for _ in range(5)] == [0, 1, 2, 3, 4]
    for _ in range(2):
        with pytest.raises(StreamLost, match="first"):
            await feed.get()


async def test_a_reader_who_stays_away_loses_the_stream_not_our_memory() -> None:
    feed = Feed[int]()
    for item in range(WAITING_MAX + 10):
        feed.put(item)
    for _ in range(WAITING_MAX):
        await feed.get()
    with pytest.raises(StreamLost, match="more than was read"):
        await feed.get()
