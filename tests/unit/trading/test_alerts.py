from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.alerts import Alert, BadAlert, command_of, read_alert
from trading.ids import Symbol

NOW = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
BTC, ETH = Symbol("BTC/USDT"), Symbol("ETH/USDT")


def alert(action: str = "buy", ticker: str = "BTCUSDT", time: datetime | None = None) -> Alert:
    return Alert(secret="s", action=action, ticker=ticker, time=time)


def test_an_alert_as_tradingview_sends_it_is_read() -> None:
    body = b'{"secret": "s", "action": "buy", "ticker": "BTCUSDT", "time": "2026-03-01T12:00:29Z", "price": 61000.5}'
    command = command_of(read_alert(body), (BTC, ETH), NOW)
    assert (command.name, command.symbol) == ("long", BTC)
    assert command.at == NOW - timedelta(seconds=1)
    assert command.expires_at == command.at + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("action", "name"),
    [("buy", "long"), ("LONG", "long"), ("sell", "short"), ("Short", "short"), ("close", "short"), ("flat", "short")],
)
def test_the_usual_words_are_understood(action: str, name: str) -> None:
    assert command_of(alert(action), (BTC,), NOW).name == name


@pytest.mark.parametrize("ticker", ["BTCUSDT", "btcusdt", "BINANCE:BTCUSDT", "BTC/USDT", "BTC-USDT"])
def test_a_market_may_be_written_in_many_ways(ticker: str) -> None:
    assert command_of(alert(ticker=ticker), (ETH, BTC), NOW).symbol == BTC


def test_the_only_market_need_not_be_named() -> None:
    assert command_of(alert(ticker=""), (ETH,), NOW).symbol == ETH


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (alert("moon"), "action is 'moon'"),
        (alert(ticker=""), "ticker is ''; this strategy trades BTC/USDT, ETH/USDT"),
        (alert(ticker="DOGEUSDT"), "ticker is 'DOGEUSDT'"),
        (alert(time=NOW - timedelta(seconds=60)), "too old"),
        (alert(time=NOW.replace(tzinfo=None)), "no time zone"),
    ],
)
def test_what_cannot_be_obeyed_says_what_it_should_have_been(bad: Alert, reason: str) -> None:
    with pytest.raises(BadAlert, match=r".") as refused:
        command_of(bad, (BTC, ETH), NOW)
    assert reason in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"buy", b"[]", b"{}", b'{"action": "buy"}', b"\xff", b'{"secret": 1}'])
def test_what_is_no_alert_is_refused_with_an_example(body: bytes) -> None:
    with pytest.raises(BadAlert, match="send JSON such as"):
        read_alert(body)


@given(st.binary(max_size=100))
def test_no_bytes_do_worse_than_to_be_refused(body: bytes) -> None:
    with pytest.raises(BadAlert):
        command_of(read_alert(body), (BTC,), NOW)


@pytest.mark.parametrize("sent", [NOW - timedelta(seconds=5), NOW + timedelta(hours=1), None])
def test_an_alert_that_comes_twice_is_one_command(sent: datetime | None) -> None:
    once = command_of(alert(time=sent), (BTC,), NOW)
    assert command_of(alert(time=sent), (BTC,), NOW + timedelta(seconds=2)).id == once.id


def test_another_alert_is_another_command() -> None:
    assert command_of(alert("sell"), (BTC,), NOW).id != command_of(alert(), (BTC,), NOW).id


def test_a_clock_that_is_ahead_makes_no_signal_last_longer() -> None:
    command = command_of(alert(time=NOW + timedelta(hours=1)), (BTC,), NOW)
    assert command.expires_at == NOW + timedelta(seconds=60)


def test_an_alert_does_not_show_its_secret() -> None:
    assert "hush" not in repr(Alert(secret="hush", action="buy"))
