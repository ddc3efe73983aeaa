"""Recorded candles and trades, read from files.

CSV needs nothing more; Parquet and Feather need pyarrow, which is not installed by default. The first line names the
columns: `symbol` (else the file's name begins with it), `time` in milliseconds, microseconds, seconds or ISO 8601, and
`open high low close volume` for candles, or `price quantity side` for trades.
"""

import csv
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from paper.candles import MINUTE
from paper.errors import BadSettings
from paper.fixed import DECIMALS, from_decimal
from paper.markets import Market

_ALIASES = {
    "open_time": "time",
    "opened_at": "time",
    "timestamp": "time",
    "date": "time",
    "datetime": "time",
    "ts": "time",
    "qty": "quantity",
    "amount": "quantity",
    "size": "quantity",
    "market": "symbol",
}
_CANDLE = ("open", "high", "low", "close", "volume")
_SECONDS_BELOW = 10**11
_MICROSECONDS_FROM = 10**14
_SMALLEST = Decimal(1).scaleb(-DECIMALS)


class RecordedTrade(msgspec.Struct, frozen=True, gc=False):
    at: int
    symbol: str
    buy: bool
    price: int
    quantity: int


def read_recording(path: Path, markets: Mapping[str, Market]) -> list[RecordedTrade]:
    """All trades of a recording in order. A candle becomes the fewest trades that make the same candle again."""
    rows = list(_rows(path))
    if not rows:
        raise BadSettings(f"{path} has no rows; it needs a line of column names and at least one row")
    columns = rows[0].keys()
    makes_candles = set(_CANDLE) <= columns
    if "time" not in columns or not (makes_candles or {"price", "quantity"} <= columns):
        raise BadSettings(
            f"{path} has the columns {', '.join(columns)}; it needs time and either open, high, low, close and volume, "
            "or price and quantity"
        )
    trades: list[RecordedTrade] = []
    length = _candle_length(rows, path) if makes_candles else 0
    for number, row in enumerate(rows, 2):
        try:
            symbol = _symbol(row, path, markets)
            if makes_candles:
                trades += _trades_of(row, symbol, markets[symbol], length)
            else:
                trades.append(_trade(row, symbol))
        except (ValueError, ArithmeticError) as problem:
            raise BadSettings(f"{path}, row {number}: {problem}") from None
    trades.sort(key=lambda trade: trade.at)
    return trades


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise BadSettings(f"there is no file {path} to replay")
    match path.suffix.lower():
        case ".csv":
            with path.open(newline="", encoding="utf-8-sig") as file:
                yield from ({_name(key): value for key, value in row.items()} for row in csv.DictReader(file))
        case ".parquet" | ".feather" | ".arrow":
            yield from ({_name(key): value for key, value in row.items()} for row in _arrow_rows(path))
        case other:
            raise BadSettings(
                f"{path}: cannot replay a {other or 'nameless'} file; give a .csv, .parquet or .feather one"
            )


def _arrow_rows(path: Path) -> list[dict[str, Any]]:
    kind = "parquet" if path.suffix.lower() == ".parquet" else "feather"
    try:
        arrow = import_module(f"pyarrow.{kind}")
    except ImportError:
        raise BadSettings(
            f"{path} needs pyarrow to be read: install it with `pip install pyarrow`, or give a CSV file"
        ) from None
    table = arrow.read_table(path)
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _name(column: str | None) -> str:
    name = (column or "").strip().lower().replace(" ", "_")
    return _ALIASES.get(name, name)


def _symbol(row: Mapping[str, Any], path: Path, markets: Mapping[str, Market]) -> str:
    named = str(row.get("symbol") or "").upper().replace("/", "").replace("-", "").replace("_", "")
    if named in markets:
        return named
    if not named:
        for symbol in sorted(markets, key=len, reverse=True):
            if path.name.upper().replace("-", "").replace("_", "").startswith(symbol):
                return symbol
    raise ValueError(f"no market is called {named or path.name}; there are {', '.join(markets)}")


def _trade(row: Mapping[str, Any], symbol: str) -> RecordedTrade:
    side = str(row.get("side") or "").lower()
    maker = str(row.get("is_buyer_maker") or "").lower()
    buy = side in {"buy", "b"} if side else maker not in {"true", "1"}
    return RecordedTrade(_time(row["time"]), symbol, buy, _units(row["price"]), _units(row["quantity"]))


def _candle_length(rows: list[dict[str, Any]], path: Path) -> int:
    """The shortest distance between two candles of a symbol; a minute if there is but one."""
    times: dict[Any, list[int]] = {}
    for row in rows:
        times.setdefault(row.get("symbol"), []).append(_time(row["time"]))
    gaps = [later - earlier for known in times.values() for earlier, later in pairwise(known)]
    if gaps and min(gaps) <= 0:
        raise BadSettings(f"{path}: its candles are not in the order of their time")
    return min(gaps, default=MINUTE)


def _time(value: Any) -> int:
    if isinstance(value, datetime):
        moment = value
    elif str(value).strip().isdigit():
        number = int(value)
        return number * 1000 if number < _SECONDS_BELOW else number // 1000 if number >= _MICROSECONDS_FROM else number
    else:
        moment = datetime.fromisoformat(str(value).strip())
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _units(value: Any) -> int:
    """An amount in units. What a recording has beyond the venue's decimals is rounded away."""
    return from_decimal(Decimal(str(value).strip()).quantize(_SMALLEST))


def _trades_of(row: Mapping[str, Any], symbol: str, market: Market, length: int) -> list[RecordedTrade]:
    """Open, both extremes in the likelier order, close: spread over the candle's time, and the volume over them."""
    opened_at = _time(row["time"])
    first, high, low, last = (_units(row[name]) for name in ("open", "high", "low", "close"))
    volume = _units(row["volume"])
    if not low <= min(first, last) <= max(first, last) <= high:
        raise ValueError("high and low do not enclose open and close")
    prices = [first]
    for price in ((low, high) if last >= first else (high, low)) + (last,):
        if price != prices[-1]:
            prices.append(price)
    if not volume:
        return []
    if len(prices) > volume:
        raise ValueError("its volume is too small for its prices")
    share = volume // len(prices) // market.lot_step * market.lot_step or volume // len(prices)
    quantities = [share] * (len(prices) - 1) + [volume - share * (len(prices) - 1)]
    before = first
    trades = []
    for index, (price, quantity) in enumerate(zip(prices, quantities, strict=True)):
        trades.append(RecordedTrade(opened_at + index * length // 4, symbol, price >= before, price, quantity))
        before = price
    return trades
