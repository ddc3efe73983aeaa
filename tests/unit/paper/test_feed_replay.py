"""What was recorded comes out again: candle by candle, at any speed."""

import tempfile
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paper.crowd import Crowd
from paper.errors import BadSettings
from paper.feed_replay import ReplayFeed
from paper.fixed import text
from paper.markets import DEFAULT_MARKETS
from paper.recordings import RecordedTrade, read_recording
from tests.unit.paper.floor import Floor

FIRST = 1_700_000_040_000 // 300_000 * 300_000
MARKETS = {market.symbol: market for market in DEFAULT_MARKETS}


def record(path: Path, *lines: str) -> list[RecordedTrade]:
    path.write_text("\n".join(lines) + "\n")
    return read_recording(path, MARKETS)


def replayed(trades: list[RecordedTrade], speed: float, interval: str) -> list[str]:
    """The klines of the whole recording, as lines of a file."""
    floor = Floor(DEFAULT_MARKETS)
    feed = ReplayFeed(trades, MARKETS, steps_per_s=5, speed=speed)
    crowd = Crowd(floor.venue, "BTCUSDT")
    last_ms = trades[-1].at - trades[0].at
    for number in range(1, round(last_ms / speed / 200) + 3):
        crowd.follow(feed.step(number).get("BTCUSDT"), floor.tick())
    candles = floor.venue.pits["BTCUSDT"].tape.candles(interval, None, None, 1000)
    return [",".join([str(candle.opened_at), *(text(getattr(candle, name)) for name in _FIELDS)]) for candle in candles]


_FIELDS = ("open", "high", "low", "close", "volume")


def line(opened_at: int, *amounts: str) -> str:
    return ",".join([str(opened_at), *(f"{Decimal(amount):.8f}" for amount in amounts)])


@pytest.mark.parametrize("speed", [1.0, 60.0, 997.0])
def test_klines_equal_the_recorded_candles(tmp_path: Path, speed: float) -> None:
    candles = [
        line(FIRST, "65000", "65100.5", "64900.01", "65050", "12.34567"),
        line(FIRST + 60_000, "65050", "65050", "65050", "65050", "0.5"),
        line(FIRST + 120_000, "65060", "65060", "64000", "64000", "3"),
        line(FIRST + 180_000, "64000", "64444.44", "64000", "64444.44", "0.00004"),
    ]
    trades = record(tmp_path / "BTCUSDT-1m.csv", "time,open,high,low,close,volume", *candles)
    assert replayed(trades, speed, "1m") == candles


cents = st.integers(6_000_000, 7_000_000)


@given(st.lists(st.tuples(cents, cents, cents, cents, st.integers(10, 10**9)), min_size=1, max_size=12))
def test_any_candles_come_out_as_they_went_in(rows: list[tuple[int, int, int, int, int]]) -> None:
    candles = []
    for number, (one, two, three, four, volume) in enumerate(rows):
        low, first, last, high = sorted((one, two, three, four))
        if volume % 2:
            first, last = last, first
        amounts = [str(Decimal(value) / 100) for value in (first, high, low, last)]
        candles.append(line(FIRST + number * 300_000, *amounts, str(Decimal(volume) / 10**8)))
    with tempfile.TemporaryDirectory() as folder:
        trades = record(Path(folder) / "btcusdt.csv", "Open time,Open,High,Low,Close,Volume", *candles)
    assert replayed(trades, 600.0, "5m") == candles


def test_recorded_trades_print_at_their_own_prices_and_times(tmp_path: Path) -> None:
    trades = record(
        tmp_path / "recording.csv",
        "symbol,timestamp,price,amount,side",
        f"BTC/USDT,{FIRST},65000,0.5,buy",
        f"ETH/USDT,{FIRST + 10},3400.5,2,sell",
        f"BTC/USDT,{FIRST + 20},65001.5,0.25,sell",
    )
    assert [(trade.symbol, trade.at - FIRST, text(trade.price), trade.buy) for trade in trades] == [
        ("BTCUSDT", 0, "65000.00000000", True),
        ("ETHUSDT", 10, "3400.50000000", False),
        ("BTCUSDT", 20, "65001.50000000", False),
    ]
    feed = ReplayFeed(trades, MARKETS, steps_per_s=5, speed=1)
    (first, second) = feed.step(1)["BTCUSDT"].prints
    assert (first.price, second.at) == (trades[0].price, FIRST + 20)
    assert feed.step(2) == {}


def test_times_are_understood_in_every_usual_form(tmp_path: Path) -> None:
    for written in (
        f"{FIRST}",
        f"{FIRST * 1000}",
        f"{FIRST // 1000}",
        "2023-11-14T22:10:00+00:00",
        "2023-11-14 22:10:00",
    ):
        (trade,) = record(tmp_path / "btcusdt.csv", "time,price,quantity", f"{written},1,1")
        assert trade.at == FIRST, written


@pytest.mark.parametrize(
    ("name", "lines", "complaint"),
    [
        ("btcusdt.csv", ["time,open,high,low,close", "1,1,1,1,1"], "needs time and either"),
        ("btcusdt.csv", ["time,open,high,low,close,volume"], "no rows"),
        ("dogeusdt.csv", ["time,price,quantity", "1,1,1"], "no market is called"),
        ("btcusdt.csv", ["time,price,quantity", "1,one,1"], "row 2"),
        ("btcusdt.csv", ["time,open,high,low,close,volume", "1,5,4,3,4,1"], "do not enclose"),
        ("btcusdt.txt", ["time,price,quantity", "1,1,1"], "give a .csv"),
        ("btcusdt.parquet", [""], "needs pyarrow"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_words(tmp_path: Path, name: str, lines: list[str], complaint: str) -> None:
    with pytest.raises(BadSettings, match=complaint):
        record(tmp_path / name, *lines)


def test_a_recording_that_is_not_there_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="there is no file"):
        read_recording(tmp_path / "nothing.csv", MARKETS)
