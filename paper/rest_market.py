"""Market data over REST: the rules, the clock, books, tapes, candles and tickers."""

import json
from typing import Any

from paper import fixed
from paper.candles import Candle, closing
from paper.endpoints import Endpoint, Methods, Routes
from paper.errors import INVALID_SYMBOL, Refused, illegal, missing
from paper.exchange_info import symbol_info
from paper.fixed import text
from paper.limits import Limiter
from paper.payloads import Json
from paper.pits import Pit
from paper.requests import Request, period
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
        make = mini_ticker if request.params.get("type") == "MINI" else full_ticker
        return self._each(request, lambda pit: make(pit, request.now))

    def ticker_price(self, request: Request) -> Json | list[Json]:
        prices = self._venue.state.last_price
        return self._each(request, lambda pit: {"symbol": pit.market.symbol, "price": text(prices[pit.market.symbol])})

    def ticker_book(self, request: Request) -> Json | list[Json]:
        return self._each(request, book_ticker)

    def _one(self, request: Request) -> Pit:
        return self._venue.pit(request.text("symbol"))

    def _each(self, request: Request, make: Any) -> Json | list[Json]:
        if request.params.get("symbol"):
            return make(self._one(request))  # type: ignore[no-any-return]
        return [make(pit) for pit in self._asked(request)]

    def _asked(self, request: Request) -> list[Pit]:
        """The markets that `symbol` or `symbols` names; all of them if neither was sent."""
        if request.params.get("symbol"):
            return [self._one(request)]
        names = request.params.get("symbols")
        if not names:
            return list(self._venue.pits.values())
        try:
            symbols = json.loads(names)
        except ValueError:
            symbols = None
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


def mini_ticker(pit: Pit, now: int) -> Json:
    day = _day(pit, now)
    return {
        "symbol": pit.market.symbol,
        "openPrice": text(day.open),
        "highPrice": text(day.high),
        "lowPrice": text(day.low),
        "lastPrice": text(day.close),
        "volume": text(day.volume),
        "quoteVolume": text(day.quote_volume),
        **_span(pit, day, now),
    }


def full_ticker(pit: Pit, now: int) -> Json:
    day = _day(pit, now)
    change = day.close - day.open
    last = pit.tape.trades[-1] if pit.tape.trades else None
    best = book_ticker(pit)
    return mini_ticker(pit, now) | {
        "priceChange": text(change),
        "priceChangePercent": f"{fixed.to_decimal(change * 100 * fixed.ONE // day.open):.3f}",
        "weightedAvgPrice": text(day.quote_volume * fixed.ONE // day.volume if day.volume else day.close),
        "prevClosePrice": text(day.open),
        "lastQty": text(last.quantity if last else 0),
        **{name: best[name] for name in ("bidPrice", "bidQty", "askPrice", "askQty")},
    }


def _span(pit: Pit, day: Candle, now: int) -> Json:
    trades = pit.tape.trades
    return {
        "openTime": now - 86_400_000,
        "closeTime": now,
        "firstId": max(1, trades[-1].id - day.trades + 1) if trades else -1,
        "lastId": trades[-1].id if trades else -1,
        "count": day.trades,
    }


def _day(pit: Pit, now: int) -> Candle:
    start = pit.market.start_price
    return pit.tape.day(now) or Candle(now, start, start, start, start)


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
