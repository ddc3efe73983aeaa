"""ccxt's unified structures, read into our types. Pure, and exact: amounts are text until they are `Decimal`.

What does not parse raises `Unparsable`: a venue that says something we do not understand has not told us the outcome.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from exchanges.errors import Unparsable
from exchanges.port import Balance, KeyRights, VenueOrder
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, Symbol, TradeId, VenueOrderId
from trading.instruments import Instrument
from trading.market import Candle, Quote
from trading.money import ZERO, exact
from trading.orders import OrderKind, OrderState, Side

Raw = Mapping[str, Any]
P = ParamSpec("P")
T = TypeVar("T")


def _parsing(parse: Callable[P, T]) -> Callable[P, T]:
    @wraps(parse)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return parse(*args, **kwargs)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            what = parse.__name__.removeprefix("parse_")
            raise Unparsable(f"the venue's {what} cannot be read: {error!r}") from error

    return checked


_STATES = {
    "open": OrderState.OPEN,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
    "expired": OrderState.EXPIRED,
    # Binance: accepted and not yet in the book, or a cancellation that has not happened yet. Both still stand.
    "PENDING_NEW": OrderState.OPEN,
    "canceling": OrderState.OPEN,
}


@_parsing
def parse_order(raw: Raw) -> VenueOrder:
    filled = exact(raw["filled"] or 0)
    state = _STATES[raw["status"]]
    if state is OrderState.OPEN and filled:
        state = OrderState.PARTIALLY_FILLED
    kind = _kind(raw)
    return VenueOrder(
        venue_order_id=VenueOrderId(_text(raw["id"])),
        client_order_id=ClientOrderId(raw["clientOrderId"]) if raw.get("clientOrderId") else None,
        symbol=Symbol(_text(raw["symbol"])),
        side=Side(raw["side"]),
        kind=kind,
        quantity=exact(raw["amount"]),
        # ccxt puts a market order's average in the place of its price.
        price=exact(raw["price"]) if raw["price"] is not None and kind is not OrderKind.MARKET else None,
        filled=filled,
        state=state,
        updated_at=_time(raw.get("lastUpdateTimestamp") or raw.get("lastTradeTimestamp") or raw["timestamp"]),
    )


def _kind(raw: Raw) -> OrderKind | None:
    if raw.get("triggerPrice"):
        return None
    match raw["type"]:
        case "limit":
            return OrderKind.LIMIT_MAKER if raw.get("postOnly") else OrderKind.LIMIT
        case "market":
            return OrderKind.MARKET
        case _:
            return None


@_parsing
def parse_fill(raw: Raw) -> Fill:
    fee = raw["fee"] or {}
    # ccxt's trades do not name the client order id; Binance's own report of one does.
    client_order_id = raw["info"].get("c") if isinstance(raw.get("info"), Mapping) else None
    return Fill(
        symbol=Symbol(_text(raw["symbol"])),
        trade_id=TradeId(_text(raw["id"])),
        venue_order_id=VenueOrderId(_text(raw["order"])),
        client_order_id=ClientOrderId(client_order_id) if client_order_id else None,
        side=Side(raw["side"]),
        price=exact(raw["price"]),
        quantity=exact(raw["amount"]),
        fee=exact(fee.get("cost") or 0),
        # No fee, no asset of it; a fee without its asset is not a fact that we can book.
        fee_asset=Asset(_text(fee["currency"]) if fee.get("currency") or exact(fee.get("cost") or 0) else ""),
        maker=raw["takerOrMaker"] == "maker",
        at=_time(raw["timestamp"]),
    )


@_parsing
def parse_balances(raw: Raw) -> dict[Asset, Balance]:
    return {
        Asset(asset): Balance(free=exact(free or 0), locked=exact(raw["used"][asset] or 0))
        for asset, free in raw["free"].items()
    }


@_parsing
def parse_key_rights(raw: Raw) -> KeyRights:
    """Binance's list of what a key is restricted to."""
    ways_out = [raw.get(way) for way in ("enableWithdrawals", "enableInternalTransfer", "permitsUniversalTransfer")]
    return KeyRights(
        trade=raw["enableSpotAndMarginTrading"] is True,
        # A way that is not mentioned is not a way that is shut.
        withdraw=True if True in ways_out else None if None in ways_out else False,
        address_bound=raw["ipRestrict"] is True,
    )


@_parsing
def parse_instrument(market: Raw, *, ticks: bool) -> Instrument:
    """`ticks`: whether the exchange states its precision as a step; else it is a number of decimal places."""
    limits = market["limits"]
    return Instrument(
        symbol=Symbol(market["symbol"]),
        base=Asset(market["base"]),
        quote=Asset(market["quote"]),
        price_tick=_step(market["precision"]["price"], ticks=ticks),
        lot_step=_step(market["precision"]["amount"], ticks=ticks),
        quantity_min=exact(limits["amount"]["min"] or 0),
        quantity_max=exact(limits["amount"]["max"] or 0),
        notional_min=exact(limits["cost"]["min"] or 0),
        maker_fee=exact(market["maker"] or 0),
        taker_fee=exact(market["taker"] or 0),
    )


def _step(precision: str, *, ticks: bool) -> Decimal:
    value = exact(precision)
    step = value if ticks else Decimal(1).scaleb(-int(value))
    # Without trailing zeros, so that what is rounded to it has none either.
    return step.normalize() if step < 1 else step


@_parsing
def parse_quote(raw: Raw, *, received_at: datetime, version: int) -> Quote:
    bid, ask = exact(raw["bid"]), exact(raw["ask"])
    if bid <= ZERO or ask <= ZERO:
        raise ValueError("an empty book")
    return Quote(
        symbol=Symbol(_text(raw["symbol"])),
        bid=bid,
        ask=ask,
        last=exact(raw["last"]) if raw.get("last") is not None else (bid + ask) / 2,
        at=_time(raw["timestamp"]) if raw.get("timestamp") is not None else received_at,
        received_at=received_at,
        version=version,
    )


@_parsing
def parse_candle(raw: list[Any], *, symbol: Symbol, timeframe: str) -> Candle:
    opened_at, open_, high, low, close, volume = raw
    return Candle(
        symbol=symbol,
        timeframe=timeframe,
        opened_at=_time(opened_at),
        open=exact(open_),
        high=exact(high),
        low=exact(low),
        close=exact(close),
        volume=exact(volume),
    )


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} where an identifier should be")
    return value


def _time(value: Any) -> datetime:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} where a time in milliseconds should be")
    return datetime.fromtimestamp(value // 1000, UTC).replace(microsecond=value % 1000 * 1000)
