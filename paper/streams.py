"""Market streams: who listens to what, and what they are sent after each change and each second."""

from collections.abc import Callable
from typing import Any

import msgspec

from paper.candles import DAY, HOUR, INTERVALS, Candle, closing
from paper.connections import Connection
from paper.errors import Refused
from paper.fixed import text
from paper.payloads import Json
from paper.pits import Pit
from paper.rest_market import day_ticker, mini_ticker, window_ticker
from paper.tape import AggregateTrade, PublicTrade
from paper.venue import Venue

_BOOK_LEVELS = ("5", "10", "20")


class Streams:
    """Subscriptions by stream name. Names of markets or streams that do not exist are taken, and stay silent."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._raw: dict[str, set[Connection]] = {}
        self._combined: dict[str, set[Connection]] = {}
        self._tops: dict[str, tuple[int, int, int, int]] = {}
        self._diffs: dict[str, _Diff] = {}
        self._candles: dict[str, int] = {}
        """When the candle opened that each stream told of last."""
        self._encode = msgspec.json.encode

    def subscribe(self, connection: Connection, name: str, *, combined: bool) -> None:
        if not (self._raw or self._combined):
            for known in self._venue.pits.values():
                known.tape.fresh.clear()  # nobody was there to be told
        side = self._combined if combined else self._raw
        side.setdefault(name, set()).add(connection)
        symbol, _, kind = name.partition("@")
        pit = self._venue.pits.get(symbol.upper())
        if pit is not None and kind in {"depth", "depth@100ms", "depth@1000ms"} and name not in self._diffs:
            self._diffs[name] = _Diff(pit)

    def unsubscribe(self, connection: Connection, name: str, *, combined: bool) -> None:
        side = self._combined if combined else self._raw
        listeners = side.get(name, set())
        listeners.discard(connection)
        if not listeners:
            side.pop(name, None)
        if name in self._diffs and not self._wanted(name):
            self._diffs.pop(name).close()

    def publish(self) -> None:
        """Send what has changed since the last time: trades and best prices."""
        if not self._raw and not self._combined:
            return
        for symbol, pit in self._venue.pits.items():
            prefix = symbol.lower()
            if pit.tape.fresh:
                trades = list(pit.tape.fresh)
                pit.tape.fresh.clear()
                self._publish_trades(prefix, pit, trades)
            self._publish_top(prefix, symbol, pit)

    def publish_paced(self, now: int, pace_ms: int) -> None:
        """Send what goes out by the clock: books every 100 ms or every second, candles and tickers every second."""
        if not self._raw and not self._combined:
            return
        for symbol, pit in self._venue.pits.items():
            self._publish_books(symbol, pit, now, pace_ms)
            if pace_ms == 1000:
                self._publish_second(symbol, pit, now)
        if pace_ms == 1000:
            for kind, make in _EACH_SECOND.items():
                name = f"!{kind}@arr"
                if self._wanted(name):
                    self._send(name, [make(pit, now) for pit in self._venue.pits.values()])

    def _publish_trades(self, prefix: str, pit: Pit, trades: list[PublicTrade]) -> None:
        symbol = pit.market.symbol
        if self._wanted(f"{prefix}@trade"):
            for trade in trades:
                self._send(f"{prefix}@trade", _trade(symbol, trade))
        if self._wanted(f"{prefix}@aggTrade"):
            first = trades[0].id
            for aggregate in reversed(_newest(pit, first)):
                self._send(f"{prefix}@aggTrade", _aggregate(symbol, aggregate))

    def _publish_top(self, prefix: str, symbol: str, pit: Pit) -> None:
        name = f"{prefix}@bookTicker"
        if not self._wanted(name):
            return
        book = pit.book
        bid, ask = book.best_bid or 0, book.best_ask or 0
        top = (bid, book.quantity_at(True, bid), ask, book.quantity_at(False, ask))
        if self._tops.get(symbol) != top:
            self._tops[symbol] = top
            best = [text(value) for value in top]
            self._send(name, {"u": pit.update_id, "s": symbol, "b": best[0], "B": best[1], "a": best[2], "A": best[3]})

    def _publish_books(self, symbol: str, pit: Pit, now: int, pace_ms: int) -> None:
        prefix = symbol.lower()
        suffixes = ("", "@1000ms") if pace_ms == 1000 else ("@100ms",)
        for suffix in suffixes:
            name = f"{prefix}@depth{suffix}"
            diff = self._diffs.get(name)
            if diff is not None and (message := diff.take(now)) is not None:
                self._send(name, message)
            for levels in _BOOK_LEVELS:
                name = f"{prefix}@depth{levels}{suffix}"
                if self._wanted(name):
                    self._send(name, _partial(pit, int(levels)))

    def _publish_second(self, symbol: str, pit: Pit, now: int) -> None:
        prefix = symbol.lower()
        for kind, make in _EACH_SECOND.items():
            if self._wanted(f"{prefix}@{kind}"):
                self._send(f"{prefix}@{kind}", make(pit, now))
        for interval in INTERVALS:
            name = f"{prefix}@kline_{interval}"
            if self._wanted(name):
                self._publish_candles(name, pit, interval, now)

    def _publish_candles(self, name: str, pit: Pit, interval: str, now: int) -> None:
        """The candle that is growing; before it, once, each that has closed since the last time."""
        told = self._candles.get(name)
        for candle in pit.tape.candles(interval, told, None, 1000)[-1 if told is None else 0 :]:
            self._candles[name] = candle.opened_at
            self._send(name, _kline(pit.market.symbol, interval, candle, pit.time(now)))

    def _wanted(self, name: str) -> bool:
        return name in self._raw or name in self._combined

    def _send(self, name: str, message: Any) -> None:
        data = self._encode(message)
        for connection in self._raw.get(name, ()):
            connection.put(data)
        combined = self._combined.get(name)
        if combined:
            wrapped = b'{"stream":' + self._encode(name) + b',"data":' + data + b"}"
            for connection in combined:
                connection.put(wrapped)


class _Diff:
    """The changes of one book, for one stream, since it was last sent."""

    def __init__(self, pit: Pit) -> None:
        self._pit = pit
        self._last_id = pit.update_id
        self._changed: set[tuple[bool, int]] = set()
        pit.diffs.append(self._changed)

    def take(self, now: int) -> Json | None:
        last_id = self._pit.update_id
        if not self._changed:
            return None
        first_id, self._last_id = self._last_id + 1, last_id
        book = self._pit.book
        sides: dict[bool, list[list[str]]] = {True: [], False: []}
        for buy, price in sorted(self._changed):
            sides[buy].append([text(price), text(book.quantity_at(buy, price))])
        self._changed.clear()
        return {
            "e": "depthUpdate",
            "E": now,
            "s": self._pit.market.symbol,
            "U": first_id,
            "u": last_id,
            "b": sides[True][::-1],
            "a": sides[False],
        }

    def close(self) -> None:
        self._pit.diffs = [diff for diff in self._pit.diffs if diff is not self._changed]


def check_names(names: Any) -> list[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused(2, "Invalid request: params must be an array of strings")
    return names


def _newest(pit: Pit, first_id: int) -> list[AggregateTrade]:
    newest = []
    for aggregate in reversed(pit.tape.aggregates):
        if aggregate.last_id < first_id:
            break
        newest.append(aggregate)
    return newest


def _trade(symbol: str, trade: PublicTrade) -> Json:
    return {
        "e": "trade",
        "E": trade.at,
        "s": symbol,
        "t": trade.id,
        "p": text(trade.price),
        "q": text(trade.quantity),
        "T": trade.at,
        "m": trade.buyer_maker,
        "M": True,
    }


def _aggregate(symbol: str, trade: AggregateTrade) -> Json:
    return {
        "e": "aggTrade",
        "E": trade.at,
        "s": symbol,
        "a": trade.id,
        "p": text(trade.price),
        "q": text(trade.quantity),
        "f": trade.first_id,
        "l": trade.last_id,
        "T": trade.at,
        "m": trade.buyer_maker,
        "M": True,
    }


def _partial(pit: Pit, levels: int) -> Json:
    return {
        "lastUpdateId": pit.update_id,
        "bids": [[text(price), text(quantity)] for price, quantity in pit.book.depth(True, levels)],
        "asks": [[text(price), text(quantity)] for price, quantity in pit.book.depth(False, levels)],
    }


def _mini_of(window: Json, event: str, now: int) -> Json:
    return {
        "e": event,
        "E": now,
        "s": window["symbol"],
        "c": window["lastPrice"],
        "o": window["openPrice"],
        "h": window["highPrice"],
        "l": window["lowPrice"],
        "v": window["volume"],
        "q": window["quoteVolume"],
    }


def _changes_of(window: Json) -> Json:
    return {
        "p": window["priceChange"],
        "P": window["priceChangePercent"],
        "w": window["weightedAvgPrice"],
        "O": window["openTime"],
        "C": window["closeTime"],
        "F": window["firstId"],
        "L": window["lastId"],
        "n": window["count"],
    }


def _mini(pit: Pit, now: int) -> Json:
    return _mini_of(mini_ticker(pit, now, DAY), "24hrMiniTicker", now)


def _windowed(name: str, length_ms: int) -> Callable[[Pit, int], Json]:
    def make(pit: Pit, now: int) -> Json:
        window = window_ticker(pit, now, length_ms)
        return _mini_of(window, name, now) | _changes_of(window)

    return make


def _full(pit: Pit, now: int) -> Json:
    day = day_ticker(pit, now)
    return (
        _mini_of(day, "24hrTicker", now)
        | _changes_of(day)
        | {
            "x": day["prevClosePrice"],
            "Q": day["lastQty"],
            "b": day["bidPrice"],
            "B": day["bidQty"],
            "a": day["askPrice"],
            "A": day["askQty"],
        }
    )


def _average(pit: Pit, now: int) -> Json:
    trades = pit.tape.trades
    return {
        "e": "avgPrice",
        "E": now,
        "s": pit.market.symbol,
        "i": "5m",
        "w": text(pit.tape.average_price()),
        "T": trades[-1].at if trades else now,
    }


def _kline(symbol: str, interval: str, candle: Candle, now: int) -> Json:
    closed_at = closing(interval, candle.opened_at)
    return {
        "e": "kline",
        "E": now,
        "s": symbol,
        "k": {
            "t": candle.opened_at,
            "T": closed_at,
            "s": symbol,
            "i": interval,
            "f": -1,
            "L": -1,
            "o": text(candle.open),
            "c": text(candle.close),
            "h": text(candle.high),
            "l": text(candle.low),
            "v": text(candle.volume),
            "n": candle.trades,
            "x": now > closed_at,
            "q": text(candle.quote_volume),
            "V": text(candle.taker_volume),
            "Q": text(candle.taker_quote_volume),
            "B": "0",
        },
    }


_EACH_SECOND: dict[str, Callable[[Pit, int], Json]] = {
    "miniTicker": _mini,
    "ticker": _full,
    "avgPrice": _average,
    "ticker_1h": _windowed("1hTicker", HOUR),
    "ticker_4h": _windowed("4hTicker", 4 * HOUR),
    "ticker_1d": _windowed("1dTicker", DAY),
}
