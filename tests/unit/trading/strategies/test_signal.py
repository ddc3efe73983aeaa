"""The signal strategy's specification, worked by hand: risk 1 %, stop two ATRs, target two stop distances, fee 0.1 %.

1000 USDT, price 100, ATR 2: the stop is 4 below. Each coin then loses 4 and 0.1 % of 100 and of 96, 4.196 in all; 10
may be lost, so 2.38322 are bought. Of that 2.38083 can be sold: at 108, the target, or at the stop.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.trading.simulated import BTC, ETH, T0, D, Fate, Trader, Venue, instrument
from tests.unit.trading.strategies.storms import LIMITS, market, ride, storms
from trading.events import Answer, Answered, Ask, Command, CommandReceived, Question, ReadingChanged
from trading.ids import Symbol
from trading.market import Candle, Reading
from trading.orders import OrderKind, Side
from trading.params import ParamsRefused
from trading.strategies import parse_params

PARAMS: dict[str, Any] = {
    "symbols": ["BTC/USDT", "ETH/USDT"],
    "timeframe": "5m",
    "variant": "trend",
    "risk_pct": "1",
    "stop_atr": "2",
    "take_profit_r": "2",
    "max_positions": 1,
}
LONG: dict[str, tuple[float, ...]] = {"macd:12,26,9": (-1, 1), "macd:12,26,9.signal": (0, 0)}
SHORT: dict[str, tuple[float, ...]] = {"macd:12,26,9": (1, -1), "macd:12,26,9.signal": (0, 0)}
HOLD: dict[str, tuple[float, ...]] = {"macd:12,26,9": (1, 1), "macd:12,26,9.signal": (0, 0)}
CONFIRMED = {"action": "LONG", "confidence": 0.9, "reasoning": "it rises", "risk_level": "low"}


def reading(
    said: dict[str, tuple[float, ...]], opened_at: datetime, symbol: Symbol = BTC, atr: float = 2.0
) -> ReadingChanged:
    price = D(100)
    candles = tuple(
        Candle(
            symbol=symbol, timeframe="5m", opened_at=at, open=price, high=price, low=price, close=price, volume=price
        )
        for at in (opened_at - timedelta(minutes=5), opened_at)
    )
    lines: dict[str, tuple[float, ...]] = {
        "ema:9": (101, 102),
        "ema:21": (100, 100),
        "adx:14,14": (30, 30),
        "atr:14": (atr, atr),
    }
    return ReadingChanged(Reading(symbol=symbol, timeframe="5m", candles=candles, values=lines | said))


def last_candle(ours: Trader) -> datetime:
    """When the newest closed candle had opened."""
    minutes = (ours.venue.now - T0) // timedelta(minutes=5)
    return T0 + timedelta(minutes=5 * (minutes - 1))


def said(ours: Trader, lines: dict[str, tuple[float, ...]], symbol: Symbol = BTC, atr: float = 2.0) -> None:
    ours.hear(reading(lines, last_candle(ours), symbol, atr))
    ours.deliver()


def told(ours: Trader, name: str, symbol: Symbol | None = BTC, *, id_: str = "hook_1", good_for_s: int = 60) -> None:
    until = ours.venue.now + timedelta(seconds=good_for_s)
    command = Command(id=id_, name=name, symbol=symbol, at=ours.venue.now, expires_at=until)
    ours.hear(CommandReceived(command))
    ours.deliver()


def trader(price: str = "100", usdt: str = "1000", **changes: Any) -> Trader:
    venue = Venue({"USDT": usdt}, {symbol: instrument(symbol) for symbol in (BTC, ETH)})
    ours = Trader(venue, "signal", PARAMS | changes)
    ours.see(price, symbol=ETH)
    ours.see(price)
    return ours


def asked(ours: Trader) -> list[Question]:
    return [question for decision in ours.others if isinstance(decision, Ask) for question in decision.questions]


def answered(ours: Trader, body: Any = None, error: str = "") -> None:
    ours.hear(Answered(Answer(question=asked(ours)[-1].id, body=body, error=error)))
    ours.deliver()


def kinds(ours: Trader) -> list[str]:
    return [line.kind for line in ours.records]


def traded(ours: Trader) -> list[tuple[Side, str, str]]:
    return [(fill.side, str(fill.quantity), str(fill.price)) for _, fill in ours.venue.fills]


BOUGHT = (Side.BUY, "2.38322", "100.00")


@pytest.mark.parametrize(
    ("bids", "orders", "fills"),
    [
        ([], [("S:BTC/USDT", "2.38083", "108.00")], [BOUGHT]),
        (["96.01"], [("S:BTC/USDT", "2.38083", "108.00")], [BOUGHT]),
        (["96"], [], [BOUGHT, (Side.SELL, "2.38083", "96")]),
        (["90"], [], [BOUGHT, (Side.SELL, "2.38083", "90")]),
        (["107.99"], [("S:BTC/USDT", "2.38083", "108.00")], [BOUGHT]),
        (["108"], [], [BOUGHT, (Side.SELL, "2.38083", "108.00")]),
    ],
)
def test_a_long_is_bought_at_the_ask_and_left_at_its_target_or_its_stop(
    bids: list[str], orders: list[tuple[str, str, str]], fills: list[tuple[Side, str, str]]
) -> None:
    ours = trader()
    said(ours, LONG)
    for bid in bids:
        ours.see(bid)
    assert (ours.open_orders(), traded(ours)) == (orders, fills)


def test_a_stop_costs_what_was_to_be_risked() -> None:
    ours = trader()
    said(ours, LONG)
    ours.see("96")
    # 238.322 paid; 2.38083 * 96 less 0.1 % is 228.33112032.
    assert ours.venue.total("USDT") == 1000 - D("238.322") + D("228.33112032")
    closed = ours.records[-1]
    assert (closed.kind, closed.reason) == ("trade_closed", "bid 96 is at or below the stop 96.00")
    assert Decimal(closed.detail["profit"]) == D("-9.99087968")


@pytest.mark.parametrize(
    ("changes", "atr", "quantity"),
    [
        ({"risk_pct": "0.5"}, 2.0, "1.19161"),  # 5 / 4.196
        ({"stop_atr": "1"}, 2.0, "2.5"),  # 10 / 2.198 would be 4.54; 25 % of 1000 buy 2.5
        ({"stop_atr": "1", "position_max_pct": "40"}, 2.0, "4"),
        ({"usdt": "10000"}, 2.0, "23.83222"),
        ({}, 0.333, "2.5"),
        ({"stop_atr": "3", "position_max_pct": "100"}, 1.1111, "2.82752"),  # 3.3333 is 3.34 in ticks; 10 / 3.53666
    ],
)
def test_the_size_follows_from_the_stop(changes: dict[str, Any], atr: float, quantity: str) -> None:
    ours = trader(**changes)
    said(ours, LONG, atr=atr)
    assert traded(ours)[0][1].rstrip("0").rstrip(".") == quantity


def test_no_more_is_bought_than_there_is_to_spend() -> None:
    ours = trader(position_max_pct="100", risk_pct="10", max_positions=2, stop_atr="4")
    said(ours, LONG)  # 100 / 8.192 = 12.2: all 1000 are spent
    said(ours, LONG, symbol=ETH)
    assert traded(ours) == [(Side.BUY, "10.00000", "100.00")]
    assert ours.records[-1].kind == "signal_skipped"


def test_a_trailing_stop_follows_the_highest_bid_and_never_falls() -> None:
    ours = trader(take_profit_r=None, trailing_atr="3")  # 6 below the highest bid
    said(ours, LONG)
    for bid in ("101", "110", "104.01"):
        ours.see(bid)
    assert len(traded(ours)) == 1
    ours.see("104")
    assert traded(ours)[-1] == (Side.SELL, "2.38083", "104")
    assert ours.records[-1].reason == "bid 104 is at or below the stop 104.00"


def test_until_it_overtakes_the_first_stop_a_trailing_one_changes_nothing() -> None:
    ours = trader(take_profit_r=None, trailing_atr="3")
    said(ours, LONG)
    ours.see("101")
    ours.see("96.01")
    assert len(traded(ours)) == 1
    ours.see("96")
    assert len(traded(ours)) == 2


def test_a_short_leaves_at_the_market_and_opens_nothing() -> None:
    ours = trader()
    said(ours, LONG)
    ours.venue.now += timedelta(minutes=5)
    ours.see("101")
    said(ours, SHORT)
    assert traded(ours) == [BOUGHT, (Side.SELL, "2.38083", "101")]
    assert [order.kind for order in ours.venue.orders.values()][-1] is OrderKind.MARKET
    ours.venue.now += timedelta(minutes=5)
    said(ours, SHORT)
    assert len(traded(ours)) == 2


def test_a_short_while_it_still_buys_withdraws_and_sells_what_it_got() -> None:
    ours = trader()
    ours.venue.slice = D("0.5")
    said(ours, LONG)
    ours.venue.slice = None
    ours.see("101")
    ours.venue.now += timedelta(minutes=4)
    ours.see("101")
    told(ours, "short")
    assert ours.open_orders() == []
    assert traded(ours)[-1][0] is Side.SELL
    assert ours.venue.total("BTC") < D("0.00001")


def test_a_candle_is_judged_once() -> None:
    ours = trader()
    said(ours, LONG)
    ours.see("96")  # stopped
    said(ours, LONG)
    ours.crash()
    ours.deliver()
    said(ours, LONG)
    assert len(traded(ours)) == 2
    ours.venue.now += timedelta(minutes=5)
    ours.see("96")
    said(ours, LONG)
    assert len(traded(ours)) == 3


def test_a_long_while_it_is_in_changes_nothing() -> None:
    ours = trader(max_positions=2)
    said(ours, LONG)
    ours.venue.now += timedelta(minutes=5)
    ours.see("100")
    said(ours, LONG)
    assert traded(ours) == [BOUGHT]
    assert kinds(ours).count("signal") == 1


def test_what_is_held_counts_as_worth() -> None:
    ours = trader(max_positions=2)
    said(ours, LONG)
    said(ours, LONG, symbol=ETH)
    # 761.678 USDT and 2.38083678 BTC at 100 are 999.761678: 9.99761678 / 4.196.
    assert traded(ours) == [BOUGHT, (Side.BUY, "2.38265", "100.00")]


def test_an_old_candle_says_nothing() -> None:
    ours = trader()
    ours.hear(reading(LONG, T0 - timedelta(minutes=10)))
    assert kinds(ours) == []


def test_a_buy_that_was_not_filled_before_the_next_candle_closed_is_withdrawn() -> None:
    ours = trader()
    ours.see("100", "100.5")
    ours.venue.fates.append(Fate.REFUSED)
    said(ours, LONG)
    ours.wait(1)
    ours.venue.move(D("101"), D("101.5"))
    ours.wait(298)
    assert [slot for slot, _, _ in ours.open_orders()] == ["B:BTC/USDT"]
    ours.wait(1)
    assert ours.open_orders() == []
    assert ours.records[-1].reason == "nothing was bought"


@pytest.mark.parametrize(
    ("then", "orders", "sold"),
    [("", [("S:BTC/USDT", "2.38083", "108.00")], []), ("short", [], [(Side.SELL, "2.38083", "100")])],
)
def test_a_buy_whose_fate_is_open_is_waited_for(then: str, orders: list[Any], sold: list[Any]) -> None:
    ours = trader()
    ours.venue.fates.append(Fate.ANSWER_LOST)
    ours.venue.slice = D(0)
    said(ours, LONG)
    ours.see("101")
    ours.venue.slice = None
    ours.wait(300)
    if then:
        told(ours, then)
    assert "trade_closed" not in kinds(ours)
    ours.see("100")  # it was at the venue all along
    assert (ours.open_orders(), traded(ours)) == (orders, [BOUGHT, *sold])


def test_no_more_trades_than_allowed_are_open_and_the_skipped_one_is_told() -> None:
    ours = trader()
    said(ours, LONG)
    said(ours, LONG, symbol=ETH)
    assert len(traded(ours)) == 1
    assert (ours.records[-1].kind, ours.records[-1].reason) == (
        "signal_skipped",
        "1 trades are open, and max_positions is 1",
    )


@pytest.mark.parametrize(
    ("changes", "atr", "reason"),
    [
        ({}, 0.0, "a stop 0.00 below 100.00 is none"),
        ({}, 60.0, "a stop 120.00 below 100.00 is none"),
        ({"take_profit_r": "1"}, 0.05, "a sale at the target 100.10 would not pay the fees"),
        ({"usdt": "10"}, 2.0, "notional_min: 2.3830000 against 5"),
    ],
)
def test_a_signal_that_cannot_be_traded_is_skipped_with_the_reason(
    changes: dict[str, Any], atr: float, reason: str
) -> None:
    ours = trader(**changes)
    said(ours, LONG, atr=atr)
    assert traded(ours) == []
    assert (ours.records[-1].kind, ours.records[-1].reason) == ("signal_skipped", reason)


def test_a_stop_does_not_wait_for_a_candle_after_a_restart() -> None:
    ours = trader()
    said(ours, LONG)
    ours.crash()
    ours.deliver()
    ours.see("96")
    assert traded(ours)[-1] == (Side.SELL, "2.38083", "96")


# Signals from outside


def test_a_command_trades_like_a_candle() -> None:
    ours = trader(variant="webhook")
    said(ours, HOLD)
    told(ours, "long")
    assert traded(ours) == [BOUGHT]
    told(ours, "short", id_="hook_2")
    assert traded(ours)[-1] == (Side.SELL, "2.38083", "100")


def test_a_command_is_obeyed_once() -> None:
    ours = trader(variant="webhook")
    said(ours, HOLD)
    told(ours, "long", good_for_s=600)
    ours.see("96")
    told(ours, "long", good_for_s=600)
    ours.crash()
    ours.deliver()
    ours.wait(1)
    assert len(traded(ours)) == 2


def test_a_command_finds_no_stop_without_fresh_candles() -> None:
    ours = trader(variant="webhook")
    told(ours, "long")
    assert (kinds(ours), traded(ours)) == (["signal", "signal_skipped"], [])
    said(ours, HOLD)
    ours.wait(300)
    told(ours, "long", id_="hook_2")
    assert (kinds(ours)[2:], traded(ours)) == (["signal", "signal_skipped"], [])


@pytest.mark.parametrize(("name", "symbol"), [("long", None), ("long", Symbol("DOGE/USDT")), ("double", BTC)])
def test_a_command_that_makes_no_sense_is_refused(name: str, symbol: Symbol | None) -> None:
    ours = trader(variant="webhook")
    said(ours, HOLD)
    told(ours, name, symbol)
    assert kinds(ours) == ["command_refused"]


# Confirmation by a model


def test_a_long_waits_for_the_model_and_is_bought_when_it_confirms() -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    assert traded(ours) == []
    answered(ours, CONFIRMED)
    assert traded(ours) == [BOUGHT]
    assert ours.state.answers == {}
    verdict = next(line for line in ours.records if line.kind == "ai_verdict")
    assert (verdict.reason, verdict.detail["reasoning"]) == (
        "LONG with confidence 0.9, risk low: buys 1 of the size",
        "it rises",
    )


def test_the_question_shows_the_signal_and_what_it_rests_on() -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    (question,) = asked(ours)
    assert (question.id, question.kind, question.symbol) == ("BTC/USDT:1", "confirm_signal", BTC)
    assert question.body["signal"] == "LONG"
    assert question.body["indicators"]["adx"] == 30
    assert question.body["candles_open_high_low_close"] == [["100", "100", "100", "100"]] * 2


@pytest.mark.parametrize(("risk", "quantity"), [("low", "2.38322"), ("medium", "1.19161"), ("high", "0.59580")])
def test_the_model_can_shrink(risk: str, quantity: str) -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    answered(ours, CONFIRMED | {"risk_level": risk})
    assert traded(ours) == [(Side.BUY, quantity, "100.00")]


@pytest.mark.parametrize(
    ("body", "error", "reason"),
    [
        (CONFIRMED | {"action": "HOLD"}, "", "HOLD with confidence 0.9, risk low: vetoed"),
        (CONFIRMED | {"action": "SHORT"}, "", "SHORT with confidence 0.9, risk low: vetoed"),
        (CONFIRMED | {"confidence": 0.69}, "", "LONG with confidence 0.69, risk low: vetoed"),
        (CONFIRMED | {"confidence": float("nan")}, "", "not a verdict"),
        (CONFIRMED | {"confidence": 1.01}, "", "not a verdict"),
        (CONFIRMED | {"confidence": "1"}, "", "not a verdict"),
        (CONFIRMED | {"action": "BUY EVERYTHING"}, "", "not a verdict"),
        (CONFIRMED | {"size": 1000}, "", "not a verdict"),
        (CONFIRMED | {"reasoning": "x" * 4001}, "", "not a verdict"),
        (CONFIRMED | {"risk_level": "none"}, "", "not a verdict"),
        ({"action": "LONG", "confidence": 1}, "", "not a verdict"),
        (None, "", "not a verdict"),
        (None, "no answer within 20 s", "no verdict, so no trade: no answer within 20 s"),
        (CONFIRMED, "refused", "no verdict, so no trade: refused"),
    ],
)
def test_everything_but_a_confident_long_is_a_veto(body: Any, error: str, reason: str) -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    answered(ours, body, error)
    assert traded(ours) == []
    verdict = ours.records[-1]
    assert verdict.kind == "ai_verdict"
    assert reason in verdict.reason


def test_a_confidence_of_exactly_the_minimum_is_enough() -> None:
    ours = trader(ai_confirmation=True, min_ai_confidence="0.9")
    said(ours, LONG)
    answered(ours, CONFIRMED)
    assert traded(ours) == [BOUGHT]


def test_no_answer_before_the_next_candle_has_closed_means_no() -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    ours.wait(299)
    assert "signal_skipped" not in kinds(ours)
    ours.wait(1)
    assert kinds(ours)[-1] == "signal_skipped"
    answered(ours, CONFIRMED)
    assert traded(ours) == []


def test_the_model_is_never_asked_about_a_way_out() -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    answered(ours, CONFIRMED)
    ours.venue.now += timedelta(minutes=5)
    ours.see("100")
    said(ours, SHORT)
    assert traded(ours)[-1][0] is Side.SELL
    assert len(asked(ours)) == 1


def test_a_short_ends_the_wait_for_an_answer() -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    told(ours, "short")
    answered(ours, CONFIRMED)
    assert traded(ours) == []


def test_the_same_question_is_put_again_after_a_crash() -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    ours.crash()
    ours.deliver()
    said(ours, LONG)
    assert [question.id for question in asked(ours)] == ["BTC/USDT:1", "BTC/USDT:1"]
    answered(ours, CONFIRMED)
    assert traded(ours) == [BOUGHT]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=4),
    max_leaves=8,
)
half_right = st.fixed_dictionaries(
    {},
    optional={
        "action": st.sampled_from(["LONG", "SHORT", "BUY"]) | json_values,
        "confidence": st.floats() | json_values,
        "reasoning": st.text() | json_values,
        "risk_level": st.sampled_from(["low", "medium", "high", "none"]) | json_values,
        "quantity": json_values,
    },
)


@settings(max_examples=150, deadline=None)
@given(half_right | json_values, st.text(max_size=10))
def test_whatever_the_model_says_never_more_is_bought_than_without_it(body: Any, error: str) -> None:
    ours = trader(ai_confirmation=True)
    said(ours, LONG)
    answered(ours, body, error)
    assert kinds(ours).count("strategy_error") == 0
    for side, quantity, price in traded(ours):
        assert (side, price) == (Side.BUY, "100.00")
        assert D(quantity) <= D("2.38322")
        assert not error
        assert body["action"] == "LONG"
        assert body["confidence"] >= 0.7


@pytest.mark.parametrize(
    ("change", "field", "allowed"),
    [
        ({"symbols": []}, "symbols", "array"),
        ({"symbols": ["BTC/USDT", "BTC/USDT"]}, "symbols", "each market once"),
        ({"symbols": ["BTC/USDT", "BTC/EUR"]}, "symbols", "markets of one quote asset: sizes are shares of it"),
        ({"timeframe": "7m"}, "timeframe", "one of 15m, 1d, 1h, 1m, 30m, 4h, 5m"),
        ({"trend_timeframe": "1m"}, "trend_timeframe", "longer than 5m"),
        ({"variant": "vibes"}, "variant", "one of mean_reversion, scalping, trend, webhook"),
        ({"risk_pct": "11"}, "risk_pct", "number above 0 at most 10"),
        ({"take_profit_r": "0"}, "take_profit_r", "number above 0 at most 100"),
        ({"ema_fast": 21}, "ema_fast", "below ema_slow (21)"),
        ({"min_ai_confidence": "1.1"}, "min_ai_confidence", "number at least 0 at most 1"),
        ({"max_positions": 0}, "max_positions", "integer at least 1 at most 20"),
    ],
)
def test_params_are_refused_with_field_value_and_range(change: dict[str, Any], field: str, allowed: str) -> None:
    with pytest.raises(ParamsRefused) as refused:
        parse_params("signal", PARAMS | change)
    problem = refused.value.problems[0]
    assert problem.field == field
    assert problem.allowed.startswith(allowed)


extras = st.one_of(
    st.tuples(st.just("candle"), st.tuples(st.sampled_from([LONG, SHORT, HOLD]), st.sampled_from([BTC, ETH]))),
    st.tuples(st.just("answer"), st.sampled_from([CONFIRMED, CONFIRMED | {"risk_level": "high"}, {}, None])),
    st.tuples(st.just("tell"), st.sampled_from(["long", "short"])),
)


@settings(max_examples=60, deadline=None)
@given(storms(symbols=(BTC, ETH)), st.lists(st.tuples(st.integers(0, 30), extras), max_size=12), st.booleans())
def test_keeps_limits_rules_and_books_in_any_weather(storm: Any, more: Any, confirmed: bool) -> None:
    for at, step in more:
        storm.insert(at, step)
    params = PARAMS | {"max_positions": 2, "ai_confirmation": confirmed, "trailing_atr": "1", "position_max_pct": "10"}
    ours = Trader(market((BTC, ETH)), "signal", params, limits=LIMITS)
    ours.see("100", symbol=ETH)
    ours.see("100")

    def act(action: str, with_: Any) -> None:
        match action:
            case "candle":
                said(ours, *with_)
            case "answer" if asked(ours):
                answered(ours, with_)
            case "tell":
                told(ours, with_, id_=f"cmd_{ours.venue.seq}_{ours.venue.now}")

    ride(ours, storm, act)
    assert len(ours.state.strategy_state.trades) <= 2
    for line in ours.records:
        if line.kind == "trade_opened":
            lost = D(line.detail["quantity"]) * D(line.detail["distance"])
            assert lost <= D(line.detail["worth"]) / 100
