"""One trade of the signal strategy: asked about, entered, guarded by its stop, left."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from trading.events import Question
from trading.ids import Slot, Symbol
from trading.instruments import Unfit, fit_quantity
from trading.money import ZERO
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.slots import SlotFacts
from trading.strategies.contract import Note, View
from trading.strategies.signal_params import SignalParams
from trading.strategies.signal_rules import Signal
from trading.strategies.signal_size import Entry, size
from trading.verdicts import QUESTION_KIND, Verdict, read_verdict, share_of_size


class Phase(StrEnum):
    ASKING = "asking"
    ENTERING = "entering"
    WITHDRAWING = "withdrawing"
    """No longer wants to buy; waits to know what it bought."""
    HOLDING = "holding"
    CLOSING = "closing"


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    """Counts the trades of the run, and is the cycle of both its orders."""
    symbol: Symbol
    phase: Phase
    signal: Signal
    good_until: datetime
    """Later than this it is not entered any more."""
    quantity: Decimal = ZERO
    limit: Decimal = ZERO
    distance: Decimal = ZERO
    """From the price paid down to the stop."""
    trail: Decimal = ZERO
    """From the highest bid down to the trailing stop; zero without one."""
    peak: Decimal = ZERO
    why: str = ""
    """Why it is left."""


def begin(view: View, trade: Trade, params: SignalParams, notes: list[Note]) -> Trade | None:
    """Enter at once, or ask first."""
    if params.ai_confirmation:
        return msgspec.structs.replace(trade, phase=Phase.ASKING)
    return _enter(view, trade, params, Decimal(1), notes)


def leave(trade: Trade, why: str) -> Trade | None:
    """Out of it, from whatever phase; None when there is nothing to get out of."""
    match trade.phase:
        case Phase.ASKING:
            return None
        case Phase.ENTERING:
            return msgspec.structs.replace(trade, phase=Phase.WITHDRAWING, why=why)
        case Phase.HOLDING:
            return msgspec.structs.replace(trade, phase=Phase.CLOSING, why=why)
        case Phase.WITHDRAWING:
            return msgspec.structs.replace(trade, why=why)
        case Phase.CLOSING:
            return trade


def follow(view: View, trade: Trade, params: SignalParams, notes: list[Note]) -> Trade | None:
    """Take a trade as far as the facts allow, all steps of it; None when it is over."""
    current: Trade | None = trade
    while current is not None:
        after = _step(view, current, params, notes)
        if after is None or after.phase is current.phase:
            return after
        current = after
    return None


def wish_of(view: View, trade: Trade, params: SignalParams) -> DesiredOrder | None:
    """The order that the trade wants to stand."""
    if trade.phase is Phase.ENTERING:
        return DesiredOrder(
            slot=_slot("B", trade),
            cycle=trade.number,
            symbol=trade.symbol,
            side=Side.BUY,
            kind=OrderKind.LIMIT,
            quantity=trade.quantity,
            price=trade.limit,
            purpose=Purpose.ENTRY,
            reason=f"LONG by {trade.signal.rule}",
        )
    closing = trade.phase is Phase.CLOSING
    bought = _bought(view, trade)
    if bought is None or bought.price is None or not (closing or trade.phase is Phase.HOLDING):
        return None
    if not closing and params.take_profit_r is None:
        return None
    target = bought.price + trade.distance * (params.take_profit_r or ZERO)
    return DesiredOrder(
        slot=_slot("S", trade),
        cycle=trade.number,
        symbol=trade.symbol,
        side=Side.SELL,
        kind=OrderKind.MARKET if closing else OrderKind.LIMIT,
        quantity=bought.net_base,
        price=None if closing else target,
        purpose=Purpose.EXIT,
        reason=trade.why if closing else f"target {params.take_profit_r} stop distances above {bought.price}",
    )


def question_of(view: View, trade: Trade, params: SignalParams) -> Question:
    """What a model is asked. Numbers and names of our own only: nothing that a stranger wrote."""
    quote, reading = view.quotes[trade.symbol], view.readings.get((trade.symbol, params.timeframe))
    candles = () if reading is None else reading.candles
    return Question(
        id=f"{trade.symbol}:{trade.number}",
        kind=QUESTION_KIND,
        symbol=trade.symbol,
        body={
            "signal": trade.signal.action.value,
            "rule": trade.signal.rule,
            "symbol": trade.symbol,
            "timeframe": params.timeframe.value,
            "indicators": dict(trade.signal.numbers),
            "bid": str(quote.bid),
            "ask": str(quote.ask),
            "candles_open_high_low_close": [
                [str(price) for price in (candle.open, candle.high, candle.low, candle.close)] for candle in candles
            ],
        },
    )


def _step(view: View, trade: Trade, params: SignalParams, notes: list[Note]) -> Trade | None:
    match trade.phase:
        case Phase.ASKING:
            return _hear(view, trade, params, notes)
        case Phase.ENTERING:
            wish = wish_of(view, trade, params)
            if wish is not None and view.finished(wish):
                return msgspec.structs.replace(trade, phase=Phase.HOLDING)
            if view.now >= trade.good_until:
                return msgspec.structs.replace(trade, phase=Phase.WITHDRAWING)
            return trade
        case Phase.WITHDRAWING:
            bought = _bought(view, trade)
            if bought is not None and bought.live:
                return trade
            return msgspec.structs.replace(trade, phase=Phase.CLOSING if trade.why else Phase.HOLDING)
        case Phase.HOLDING | Phase.CLOSING:
            return _guard(view, trade, params, notes)


def _hear(view: View, trade: Trade, params: SignalParams, notes: list[Note]) -> Trade | None:
    """Enter when the model confirms. No answer in time means no, and so does everything that is no verdict."""
    answer = view.answers.get(question_of(view, trade, params).id)
    if answer is None:
        if view.now < trade.good_until:
            return trade
        notes.append(_note("signal_skipped", trade, "the model gave no answer in time"))
        return None
    verdict = read_verdict(answer)
    if not isinstance(verdict, Verdict):
        notes.append(_note("ai_verdict", trade, f"no verdict, so no trade: {verdict}"))
        return None
    share = share_of_size(verdict, params.min_ai_confidence)
    said = f"{verdict.action} with confidence {verdict.confidence:g}, risk {verdict.risk_level}"
    reason = f"{said}: buys {share} of the size" if share else f"{said}: vetoed"
    notes.append(_note("ai_verdict", trade, reason, reasoning=verdict.reasoning, share=str(share)))
    return _enter(view, trade, params, share, notes) if share else None


def _enter(view: View, trade: Trade, params: SignalParams, share: Decimal, notes: list[Note]) -> Trade | None:
    entry = size(view, trade.symbol, params, share)
    if not isinstance(entry, Entry):
        notes.append(_note("signal_skipped", trade, entry))
        return None
    numbers = {name: getattr(entry, name) for name in ("worth", "quantity", "limit", "distance")}
    notes.append(_note("trade_opened", trade, f"LONG by {trade.signal.rule}", **_texts(numbers)))
    return msgspec.structs.replace(
        trade,
        phase=Phase.ENTERING,
        quantity=entry.quantity,
        limit=entry.limit,
        distance=entry.distance,
        trail=entry.trail,
    )


def _guard(view: View, trade: Trade, params: SignalParams, notes: list[Note]) -> Trade | None:
    bought, sold, wish = _bought(view, trade), view.slot(_slot("S", trade), trade.number), wish_of(view, trade, params)
    bid = view.quotes[trade.symbol].bid
    if bought is None or bought.price is None:
        notes.append(_note("trade_closed", trade, "nothing was bought"))
        return None
    if sold is None:
        at = bid if wish is None or wish.price is None else wish.price
        if isinstance(fit_quantity(view.instruments[trade.symbol], bought.net_base, at), Unfit):
            kept = _texts({"kept": bought.net_base})
            notes.append(_note("trade_closed", trade, "too little was bought to be sold", **kept))
            return None
    elif wish is not None and view.finished(wish):
        result = _texts({"price": sold.price or ZERO, "profit": sold.net_quote - bought.net_quote})
        notes.append(_note("trade_closed", trade, trade.why or "sold at the target", **result))
        return None
    if trade.phase is Phase.CLOSING:
        return trade
    peak = max(trade.peak, bid)
    stop = bought.price - trade.distance
    if trade.trail:
        stop = max(stop, peak - trade.trail)
    if bid <= stop:
        return msgspec.structs.replace(trade, phase=Phase.CLOSING, why=f"bid {bid} is at or below the stop {stop}")
    return trade if peak == trade.peak or not trade.trail else msgspec.structs.replace(trade, peak=peak)


def _bought(view: View, trade: Trade) -> SlotFacts | None:
    return view.slot(_slot("B", trade), trade.number)


def _slot(kind: str, trade: Trade) -> Slot:
    return Slot(f"{kind}:{trade.symbol}")


def _texts(numbers: dict[str, Decimal]) -> dict[str, str]:
    return {name: str(number) for name, number in numbers.items()}


def _note(kind: str, trade: Trade, reason: str, **detail: str) -> Note:
    return Note(kind=kind, symbol=trade.symbol, reason=reason, detail={"trade": trade.number, **detail})
