"""Alerts as TradingView and its like send them, read into a `Command` for the strategy. Whether the secret is right is
the receiver's to check, before anything else."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from trading.errors import TradingError
from trading.events import Command
from trading.ids import Symbol

GOOD_FOR = timedelta(minutes=1)
"""A signal that was held up on its way for longer is about a market that is gone."""

ACTIONS: Mapping[str, str] = {
    "buy": "long",
    "long": "long",
    "sell": "short",
    "short": "short",
    "exit": "short",
    "close": "short",
    "flat": "short",
}


class BadAlert(TradingError):
    """An alert that cannot be obeyed. The message says what it should have been."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What is used of an alert's JSON; other fields may be there for other readers."""

    secret: str
    action: str
    ticker: str = ""
    time: datetime | None = None

    def __repr__(self) -> str:
        return f"Alert(action={self.action!r}, ticker={self.ticker!r}, time={self.time!r})"


def read_alert(body: bytes) -> Alert:
    try:
        return msgspec.json.decode(body, type=Alert)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadAlert('send JSON such as {"secret": "…", "action": "buy", "ticker": "BTCUSDT"}') from None


def command_of(alert: Alert, symbols: Sequence[Symbol], received_at: datetime) -> Command:
    """The command for a strategy that trades these markets. The same alert twice is the same command: obeyed once."""
    name = ACTIONS.get(alert.action.lower())
    if name is None:
        raise BadAlert(f"action is {alert.action[:40]!r}; it may be {', '.join(ACTIONS)}")
    symbol = _find(alert.ticker, symbols)
    at = received_at
    if alert.time is not None:
        if alert.time.tzinfo is None:
            raise BadAlert("time has no time zone; send {{timenow}}, or a time that ends in Z")
        at = min(alert.time, received_at)
    if received_at - at >= GOOD_FOR:
        raise BadAlert(f"the alert is of {at:%Y-%m-%d %H:%M:%S}; after {GOOD_FOR.seconds} s it is too old")
    sent = alert.time if alert.time is not None else received_at.replace(second=0, microsecond=0)
    digest = hashlib.sha256(f"{name}\x1f{symbol}\x1f{sent.isoformat()}".encode()).hexdigest()
    return Command(id=f"hook_{digest[:24]}", name=name, symbol=symbol, at=at, expires_at=at + GOOD_FOR)


def _find(ticker: str, symbols: Sequence[Symbol]) -> Symbol:
    """`BTCUSDT`, `BINANCE:BTCUSDT`, `BTC-USDT` and `BTC/USDT` are all the same market."""
    if not ticker and len(symbols) == 1:
        return symbols[0]
    wanted = _plain(ticker.rpartition(":")[2])
    for symbol in symbols:
        if _plain(symbol) == wanted:
            return symbol
    raise BadAlert(f"ticker is {ticker[:40]!r}; this strategy trades {', '.join(symbols)}")


def _plain(name: str) -> str:
    return name.upper().replace("/", "").replace("-", "")
