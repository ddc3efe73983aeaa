from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchanges.errors import Unparsable
from exchanges.payloads import (
    parse_balances,
    parse_candle,
    parse_fill,
    parse_instrument,
    parse_order,
    parse_quote,
)
from exchanges.port import Balance, VenueOrder
from trading.fills import Fill
from trading.ids import Asset, ClientOrderId, Symbol, TradeId, VenueOrderId
from trading.instruments import Instrument
from trading.orders import OrderKind, OrderState, Side

Recorded = Callable[[str], Any]

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PLACED_AT = datetime(2023, 11, 14, 22, 13, 21, tzinfo=UTC)
NAME = ClientOrderId("tfabcdefghijklmnopqrstuvwxyz2345")
BTC_USDT = Symbol("BTC/USDT")


def test_an_order_just_placed_is_open(binance: Any, recorded: Recorded) -> None:
    assert parse_order(binance.parse_order(recorded("order_placed"))) == VenueOrder(
        venue_order_id=VenueOrderId("28"),
        client_order_id=NAME,
        symbol=BTC_USDT,
        side=Side.BUY,
        kind=OrderKind.LIMIT,
        quantity=Decimal("0.00042"),
        price=Decimal("61204.1"),
        filled=Decimal(0),
        state=OrderState.OPEN,
        updated_at=PLACED_AT,
    )


def test_a_market_order_has_no_price_even_when_filled(binance: Any, recorded: Recorded) -> None:
    order = parse_order(binance.parse_order(recorded("order_placed_filled")))
    assert (order.kind, order.price, order.filled, order.state) == (
        OrderKind.MARKET,
        None,
        Decimal("0.003"),
        OrderState.FILLED,
    )


def test_every_status_has_its_state(binance: Any, recorded: Recorded) -> None:
    orders = [parse_order(binance.parse_order(raw)) for raw in recorded("orders_queried")]
    assert [order.state for order in orders[:8]] == [
        OrderState.OPEN,
        OrderState.PARTIALLY_FILLED,
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.EXPIRED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
        OrderState.OPEN,
    ]


def test_a_kind_that_we_never_send_has_no_name(binance: Any, recorded: Recorded) -> None:
    *_, maker, stop = [parse_order(binance.parse_order(raw)) for raw in recorded("orders_queried")]
    assert (maker.kind, stop.kind) == (OrderKind.LIMIT_MAKER, None)


def test_a_trade_from_the_list_names_no_client_order(binance: Any, recorded: Recorded) -> None:
    assert parse_fill(binance.parse_trade(recorded("trades")[0])) == Fill(
        symbol=BTC_USDT,
        trade_id=TradeId("9"),
        venue_order_id=VenueOrderId("28"),
        client_order_id=None,
        side=Side.BUY,
        price=Decimal("61204.1"),
        quantity=Decimal("0.0001"),
        fee=Decimal("0.0000001"),
        fee_asset=Asset("BTC"),
        maker=True,
        at=PLACED_AT.replace(microsecond=10_000),
    )


def test_balances_keep_every_digit(binance: Any, recorded: Recorded) -> None:
    balances = parse_balances(binance.parse_balance_custom(recorded("account"), "spot"))
    assert balances == {
        Asset("BTC"): Balance(free=Decimal("0.12345678"), locked=Decimal("0.00042")),
        Asset("USDT"): Balance(free=Decimal("10000.00000001"), locked=Decimal(0)),
        Asset("SHIB"): Balance(free=Decimal("123456789012345.12345678"), locked=Decimal(0)),
    }


def test_a_market_states_its_rules_exactly(binance: Any) -> None:
    assert parse_instrument(binance.markets["BTC/USDT"], ticks=True) == Instrument(
        symbol=BTC_USDT,
        base=Asset("BTC"),
        quote=Asset("USDT"),
        price_tick=Decimal("0.01"),
        lot_step=Decimal("0.00001"),
        quantity_min=Decimal("0.00001"),
        quantity_max=Decimal(9000),
        notional_min=Decimal(5),
        maker_fee=Decimal("0.001"),
        taker_fee=Decimal("0.001"),
    )


def test_a_precision_in_decimal_places_becomes_a_step(binance: Any) -> None:
    market = {**binance.markets["BTC/USDT"], "precision": {"price": "2", "amount": "0"}}
    instrument = parse_instrument(market, ticks=False)
    assert (instrument.price_tick, instrument.lot_step) == (Decimal("0.01"), Decimal(1))


def test_a_book_without_a_last_price_quotes_its_middle(binance: Any, recorded: Recorded) -> None:
    quote = parse_quote(binance.parse_ticker(recorded("book_tickers")[0]), received_at=NOW, version=7)
    assert (quote.bid, quote.ask, quote.last) == (Decimal("61204.10"), Decimal("61204.11"), Decimal("61204.105"))
    assert (quote.at, quote.received_at, quote.version) == (NOW, NOW, 7)


def test_an_empty_side_is_no_quote() -> None:
    with pytest.raises(Unparsable, match="empty book"):
        parse_quote({"symbol": "BTC/USDT", "bid": "0.00", "ask": "1", "timestamp": None}, received_at=NOW, version=1)


def test_a_candle_is_read_whole(binance: Any, recorded: Recorded) -> None:
    candle = parse_candle(binance.parse_ohlcv(recorded("klines")[0]), symbol=BTC_USDT, timeframe="1m")
    assert (candle.open, candle.high, candle.low, candle.close, candle.volume) == tuple(
        map(Decimal, ("61000.01", "61300", "60900", "61204.10", "12.34567890"))
    )


@pytest.mark.parametrize("field", ["id", "side", "status", "amount", "symbol"])
@pytest.mark.parametrize("wrong", [None, 0.1, "", [], "sideways", {}])
def test_an_order_that_makes_no_sense_is_not_understood(
    binance: Any, recorded: Recorded, field: str, wrong: object
) -> None:
    raw = {**binance.parse_order(recorded("order_placed")), field: wrong}
    if field in {"id", "symbol"} and wrong == "sideways":
        return
    with pytest.raises(Unparsable):
        parse_order(raw)


@given(amount=st.decimals(min_value=0, max_value=10**18, places=18))
def test_no_digit_of_an_amount_is_lost_on_the_way_through_ccxt(
    binance: Any, recorded: Recorded, amount: Decimal
) -> None:
    # As a number in the JSON, which a float could not hold.
    text = f'{{"free": {amount:f}, "asset": "BTC", "locked": "0"}}'
    account = {**recorded("account"), "balances": [binance.on_json_response(text)]}
    assert parse_balances(binance.parse_balance_custom(account, "spot"))[Asset("BTC")].free == amount
