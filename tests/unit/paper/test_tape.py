"""Trades as candles: of every interval, without holes, and open until their time is over."""

from datetime import UTC, datetime

import pytest

from paper.candles import DAY, HOUR, INTERVALS, MINUTE, Candle, closing, opening
from paper.errors import Refused
from paper.markets import DEFAULT_MARKETS
from paper.tape import Tape

NOON = int(datetime(2026, 11, 18, 12, tzinfo=UTC).timestamp() * 1000)  # a Wednesday


@pytest.fixture
def tape() -> Tape:
    return Tape(DEFAULT_MARKETS[0], Tape.history())


def trade(tape: Tape, at: int, price: int, quantity: int = 10) -> None:
    tape.minutes.extend(tape.roll(at))
    number = tape.trades[-1].id + 1 if tape.trades else 1
    tape.add(number, price, quantity, at, buyer_maker=False)


def shape(candle: Candle) -> tuple[int, int, int, int, int]:
    return candle.open, candle.high, candle.low, candle.close, candle.volume


def test_a_minute_holds_its_trades(tape: Tape) -> None:
    for second, price in ((0, 100), (20, 120), (40, 90), (59, 110)):
        trade(tape, NOON + second * 1000, price)
    (candle,) = tape.candles("1m", None, None, 10)
    assert (candle.opened_at, shape(candle), candle.trades) == (NOON, (100, 120, 90, 110, 40), 4)


def test_minutes_without_trades_are_flat_at_the_last_price(tape: Tape) -> None:
    trade(tape, NOON, 100)
    trade(tape, NOON + 3 * MINUTE, 130)
    candles = tape.candles("1m", None, None, 10)
    assert [shape(candle) for candle in candles] == [
        (100, 100, 100, 100, 10),
        (100, 100, 100, 100, 0),
        (100, 100, 100, 100, 0),
        (130, 130, 130, 130, 10),
    ]


def test_small_candles_make_large_ones(tape: Tape) -> None:
    for minute in range(150):
        trade(tape, NOON + minute * MINUTE, 100 + minute)
    hours = tape.candles("1h", None, None, 10)
    assert [candle.opened_at for candle in hours] == [NOON, NOON + HOUR, NOON + 2 * HOUR]
    assert [shape(candle) for candle in hours][:2] == [(100, 159, 100, 159, 600), (160, 219, 160, 219, 600)]


@pytest.mark.parametrize(
    ("interval", "opened"),
    [
        ("1m", datetime(2026, 11, 18, 12, 34, tzinfo=UTC)),
        ("15m", datetime(2026, 11, 18, 12, 30, tzinfo=UTC)),
        ("4h", datetime(2026, 11, 18, 12, tzinfo=UTC)),
        ("1d", datetime(2026, 11, 18, tzinfo=UTC)),
        ("1w", datetime(2026, 11, 16, tzinfo=UTC)),
        ("1M", datetime(2026, 11, 1, tzinfo=UTC)),
    ],
)
def test_intervals_open_on_the_clock(interval: str, opened: datetime) -> None:
    at = int(datetime(2026, 11, 18, 12, 34, 56, tzinfo=UTC).timestamp() * 1000)
    assert opening(interval, at) == opened.timestamp() * 1000


@pytest.mark.parametrize("interval", INTERVALS)
def test_one_candle_closes_just_before_the_next_opens(interval: str) -> None:
    opened_at = opening(interval, NOON)
    assert opening(interval, closing(interval, opened_at)) == opened_at
    assert opening(interval, closing(interval, opened_at) + 1) == closing(interval, opened_at) + 1


def test_a_start_counts_forward_and_none_counts_back(tape: Tape) -> None:
    for minute in range(10):
        trade(tape, NOON + minute * MINUTE, 100 + minute)
    assert [c.open for c in tape.candles("1m", None, None, 3)] == [107, 108, 109]
    assert [c.open for c in tape.candles("1m", NOON + 1, None, 3)] == [101, 102, 103]
    assert [c.open for c in tape.candles("1m", None, NOON + 4 * MINUTE, 2)] == [103, 104]


def test_an_interval_that_is_none_is_refused(tape: Tape) -> None:
    with pytest.raises(Refused) as refused:
        tape.candles("7m", None, None, 1)
    assert refused.value.code == -1120


def test_a_window_forgets_what_is_older(tape: Tape) -> None:
    for hour in range(30):
        trade(tape, NOON + hour * HOUR, 100 + hour)
    day = tape.window(NOON + 29 * HOUR, DAY)
    assert day is not None
    assert shape(day) == (105, 129, 105, 129, 250)
    last_hour = tape.window(NOON + 29 * HOUR, HOUR)
    assert last_hour is not None
    assert last_hour.volume == 20


def test_the_average_price_is_weighted_by_volume(tape: Tape) -> None:
    assert tape.average_price() == DEFAULT_MARKETS[0].start_price
    trade(tape, NOON, 100 * 10**8, 10**8)
    trade(tape, NOON + MINUTE, 200 * 10**8, 3 * 10**8)
    assert tape.average_price() == 175 * 10**8
    trade(tape, NOON + 10 * MINUTE, 300 * 10**8, 10**8)
    assert tape.average_price() == 300 * 10**8


def test_trades_of_one_taker_at_one_price_are_one(tape: Tape) -> None:
    for price in (100, 100, 101):
        trade(tape, NOON, price)
    trade(tape, NOON + 1, 101)
    assert [(a.id, a.first_id, a.last_id, a.quantity) for a in tape.aggregates] == [
        (1, 1, 2, 20),
        (2, 3, 3, 10),
        (3, 4, 4, 10),
    ]
