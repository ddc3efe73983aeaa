"""Market data over REST: the rules, the clock, books, tapes, candles and tickers."""

from collections.abc import Callable
from typing import Any

from paper.candles import DAY, HOUR, MINUTE, Candle, closing, opening
from paper.endpoints import Endpoint, Methods, Routes
from paper.errors import INVALID_SYMBOL, Refused, illegal, missing
from paper.exchange_info import symbol_info
from paper.fixed import ONE, text, to_decimal
from paper.limits import Limiter
from paper.payloads import Json
from paper.pits import Pit
from paper.requests import Request, period, read_json
from paper.tape import AggregateTrade, PublicTrade
from paper.venue import Venue


class MarketDesk:
    def __init__(self, venue: Venue, limiter: Limiter) -> None:
        self._venue = venue
        self._limiter = limiter

    def routes(self) -> Routes:
        return {
            ("GET", "/api/v3/ping"): Endpoint(self.ping),
            ("GET", "/api/v3/time"): Endpoint(self.time),
            ("GET", "/api/v3/exchangeInfo"): Endpoint(self.exchange_info, weight=20),
            ("GET", "/api/v3/depth"): Endpoint(self.depth, weight=_depth_weight),
            ("GET", "/api/v3/trades"): Endpoint(self.trades, weight=25),
            ("GET", "/api/v3/historicalTrades"): Endpoint(self.trades, weight=25),
            ("GET", "/api/v3/aggTrades"): Endpoint(self.aggregate_trades, weight=4),
            ("GET", "/api/v3/klines"): Endpoint(self.klines, weight=2),
            ("GET", "/api/v3/uiKlines"): Endpoint(self.klines, weight=2),
            ("GET", "/api/v3/avgPrice"): Endpoint(self.average_price, weight=2),
            ("GET", "/api/v3/ticker/24hr"): Endpoint(self.ticker_24h, weight=_ticker_weight),
            ("GET", "/api/v3/ticker"): Endpoint(self.ticker_window, weight=4),
            ("GET", "/api/v3/ticker/tradingDay"): Endpoint(self.ticker_trading_day, weight=4),
            ("GET", "/api/v3/ticker/price"): Endpoint(self.ticker_price, weight=_price_weight),
            ("GET", "/api/v3/ticker/bookTicker"): Endpoint(self.ticker_book, weight=_price_weight),
        }

    def methods(self) -> Methods:
        return {
            "ping": Endpoint(self.ping),
            "time": Endpoint(self.time),
            "exchangeInfo": Endpoint(self.exchange_info, weight=20),
            "depth": Endpoint(self.depth, weight=_depth_weight),
            "trades.recent": Endpoint(self.trades, weight=25),
            "trades.historical": Endpoint(self.trades, weight=25),
            "trades.aggregate": Endpoint(self.aggregate_trades, weight=4),
            "klines": Endpoint(self.klines, weight=2),
            "uiKlines": Endpoint(self.klines, weight=2),
            "avgPrice": Endpoint(self.average_price, weight=2),
            "ticker.24hr": Endpoint(self.ticker_24h, weight=_ticker_weight),
            "ticker": Endpoint(self.ticker_window, weight=4),
            "ticker.tradingDay": Endpoint(self.ticker_trading_day, weight=4),
            "ticker.price": Endpoint(self.ticker_price, weight=_price_weight),
            "ticker.book": Endpoint(self.ticker_book, weight=_price_weight),
        }

    def ping(self, _request: Request) -> Json:
        return {}

    def time(self, request: Request) -> Json:
        return {"serverTime": request.now}

    def exchange_info(self, request: Request) -> Json:
        return {
            "timezone": "UTC",
            "serverTime": request.now,
            "rateLimits": self._limiter.rules(),
            "exchangeFilters": [],
            "symbols": [symbol_info(t.market, halted=t.halted) for t in self._asked(request)],
        }

    def depth(self, request: Request) -> Json:
        pit = self._one(request)
        limit = request.limit(100, 5000)
        book = pit.book
        return {
            "lastUpdateId": pit.update_id,
            "bids": [[text(price), text(quantity)] for price, quantity in book.depth(True, limit)],
            "asks": [[text(price), text(quantity)] for price, quantity in book.depth(False, limit)],
        }

    def trades(self, request: Request) -> list[Json]:
        pit = self._one(request)
        limit = request.limit(500, 1000)
        start = request.optional_integer("fromId")
        known = list(pit.tape.trades)
        chosen = known[-limit:] if start is None else [trade for trade in known if trade.id >= start][:limit]
        return [_trade(trade) for trade in chosen]

    def aggregate_trades(self, request: Request) -> list[Json]:
        pit = self._one(request)
        limit = request.limit(500, 1000)
        first, start, end = (request.optional_integer("fromId"), *period(request))
        chosen = [
            trade
            for trade in pit.tape.aggregates
            if (first is None or trade.id >= first)
            and (start is None or trade.at >= start)
            and (end is None or trade.at <= end)
        ]
        from_oldest = first is not None or start is not None
        return [_aggregate(trade) for trade in (chosen[:limit] if from_oldest else chosen[-limit:])]

    def klines(self, request: Request) -> list[list[Any]]:
        pit = self._one(request)
        interval = request.text("interval")
        start, end = period(request)
        candles = pit.tape.candles(interval, start, end, request.limit(500, 1000))
        return [_kline(interval, candle) for candle in candles]

    def average_price(self, request: Request) -> Json:
        pit = self._one(request)
        last = pit.tape.trades[-1].at if pit.tape.trades else request.now
        return {"mins": 5, "price": text(pit.tape.average_price()), "closeTime": last}

    def ticker_24h(self, request: Request) -> Json | list[Json]:
        mini = _is_mini(request)
        return self._each(request, lambda pit: (mini_ticker if mini else day_ticker)(pit, request.now, DAY))

    def ticker_window(self, request: Request) -> Json | list[Json]:
        """A window of any size, from a whole minute on. Asks for its symbols by name."""
        size = _window(request.params.get("windowSize") or "1d")
        return self._named(request, lambda pit: _sized(request, pit, size))

    def ticker_trading_day(self, request: Request) -> Json | list[Json]:
        def since_midnight(pit: Pit) -> Json:
            at = pit.time(request.now)
            return _sized(request, pit, at - opening("1d", at))

        return self._named(request, since_midnight)

    def _named(self, request: Request, make: Callable[[Pit], Json]) -> Json | list[Json]:
        if not request.params.get("symbol") and not request.params.get("symbols"):
            raise Refused(-1128, "Combination of optional parameters invalid.")
        return self._each(request, make)

    def ticker_price(self, request: Request) -> Json | list[Json]:
        prices = self._venue.state.last_price
        return self._each(request, lambda pit: {"symbol": pit.market.symbol, "price": text(prices[pit.market.symbol])})

    def ticker_book(self, request: Request) -> Json | list[Json]:
        return self._each(request, book_ticker)

    def _one(self, request: Request) -> Pit:
        return self._venue.pit(request.text("symbol"))

    def _each(self, request: Request, make: Callable[[Pit], Json]) -> Json | list[Json]:
        if request.params.get("symbol"):
            return make(self._one(request))
        return [make(pit) for pit in self._asked(request)]

    def _asked(self, request: Request) -> list[Pit]:
        """The markets that `symbol` or `symbols` names; all of them if neither was sent."""
        if request.params.get("symbol"):
            return [self._one(request)]
        names = request.params.get("symbols")
        if not names:
            return list(self._venue.pits.values())
        symbols = read_json(names)
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            raise illegal("symbols", '^\\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\\]$')
        if not symbols:
            raise missing("symbols")
        if any(symbol not in self._venue.pits for symbol in symbols):
            raise Refused(-1121, INVALID_SYMBOL)
        return [self._venue.pits[symbol] for symbol in symbols]


def book_ticker(pit: Pit) -> Json:
    book = pit.book
    bid, ask = book.best_bid, book.best_ask
    return {
        "symbol": pit.market.symbol,
        "bidPrice": text(bid or 0),
        "bidQty": text(book.quantity_at(True, bid) if bid else 0),
        "askPrice": text(ask or 0),
        "askQty": text(book.quantity_at(False, ask) if ask else 0),
    }


def mini_ticker(pit: Pit, now: int, length_ms: int) -> Json:
    window, at = _of(pit, now, length_ms), pit.time(now)
    trades = pit.tape.trades
    return {
        "symbol": pit.market.symbol,
        "openPrice": text(window.open),
        "highPrice": text(window.high),
        "lowPrice": text(window.low),
        "lastPrice": text(window.close),
        "volume": text(window.volume),
        "quoteVolume": text(window.quote_volume),
        "openTime": (at - length_ms) // MINUTE * MINUTE,
        "closeTime": at,
        "firstId": max(1, trades[-1].id - window.trades + 1) if trades else -1,
        "lastId": trades[-1].id if trades else -1,
        "count": window.trades,
    }


def window_ticker(pit: Pit, now: int, length_ms: int) -> Json:
    window = _of(pit, now, length_ms)
    change = window.close - window.open
    average = window.quote_volume * ONE // window.volume if window.volume else window.close
    return mini_ticker(pit, now, length_ms) | {
        "priceChange": text(change),
        "priceChangePercent": f"{to_decimal(change * 100 * ONE // window.open):.3f}",
        "weightedAvgPrice": text(average),
    }


def day_ticker(pit: Pit, now: int, length_ms: int = DAY) -> Json:
    window = _of(pit, now, length_ms)
    last = pit.tape.trades[-1] if pit.tape.trades else None
    best = book_ticker(pit)
    return window_ticker(pit, now, length_ms) | {
        "prevClosePrice": text(window.open),
        "lastQty": text(last.quantity if last else 0),
        **{name: best[name] for name in ("bidPrice", "bidQty", "askPrice", "askQty")},
    }


def _of(pit: Pit, now: int, length_ms: int) -> Candle:
    start = pit.market.start_price
    return pit.tape.window(pit.time(now), length_ms) or Candle(now, start, start, start, start)


def _sized(request: Request, pit: Pit, length_ms: int) -> Json:
    return (mini_ticker if _is_mini(request) else window_ticker)(pit, request.now, length_ms)


def _is_mini(request: Request) -> bool:
    kind = request.params.get("type") or "FULL"
    if kind not in {"FULL", "MINI"}:
        raise Refused(-1139, "Invalid ticker type.")
    return kind == "MINI"


def _window(size: str) -> int:
    number, unit = size[:-1], size[-1:]
    most = {"m": 59, "h": 23, "d": 7}.get(unit, 0)
    if not number.isascii() or not number.isdigit() or not 1 <= int(number) <= most:
        raise illegal("windowSize", "^[0-9]{1,20}(m|h|d)$")
    return int(number) * {"m": MINUTE, "h": HOUR, "d": DAY}[unit]


def _trade(trade: PublicTrade) -> Json:
    return {
        "id": trade.id,
        "price": text(trade.price),
        "qty": text(trade.quantity),
        "quoteQty": text(trade.quote),
        "time": trade.at,
        "isBuyerMaker": trade.buyer_maker,
        "isBestMatch": True,
    }


def _aggregate(trade: AggregateTrade) -> Json:
    return {
        "a": trade.id,
        "p": text(trade.price),
        "q": text(trade.quantity),
        "f": trade.first_id,
        "l": trade.last_id,
        "T": trade.at,
        "m": trade.buyer_maker,
        "M": True,
    }


def _kline(interval: str, candle: Candle) -> list[Any]:
    return [
        candle.opened_at,
        text(candle.open),
        text(candle.high),
        text(candle.low),
        text(candle.close),
        text(candle.volume),
        closing(interval, candle.opened_at),
        text(candle.quote_volume),
        candle.trades,
        text(candle.taker_volume),
        text(candle.taker_quote_volume),
        "0",
    ]


def _depth_weight(request: Request) -> int:
    limit = request.optional_integer("limit") or 100
    return 5 if limit <= 100 else 25 if limit <= 500 else 50 if limit <= 1000 else 250


def _ticker_weight(request: Request) -> int:
    if request.params.get("symbol"):
        return 2
    names = request.params.get("symbols")
    asked = names.count(",") + 1 if names else 101
    return 2 if asked <= 20 else 40 if asked <= 100 else 80


def _price_weight(request: Request) -> int:
    return 2 if request.params.get("symbol") else 4
