"""Signal: be in a market when its indicators say so, with a stop from the first moment.

It believes that its indicators tell a little more about the next candles than chance does. It loses when they do not:
in a market that turns at every crossing each signal ends at its stop, and that costs `risk_pct` each time.

Rules (`signal_rules`) judge each closed candle once; people and web hooks signal by command. A LONG buys; SHORT, on a
spot market, means out. The size follows from the stop: so much that hitting it costs `risk_pct` of what the account is
worth, both fees paid. Where it is asked for, a language model must confirm each entry first: it can veto it or shrink
it, and is never asked about a way out. `signal_trade` has the life of one trade.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from trading.ids import Symbol
from trading.strategies.contract import Note, Strategy, View, Wish
from trading.strategies.signal_params import SignalParams, check, needs
from trading.strategies.signal_rules import Action, Signal, judge
from trading.strategies.signal_trade import Phase, Trade, begin, follow, leave, question_of, wish_of

Heard = tuple[Symbol, Signal, datetime]
"""A signal, and until when it is worth something."""


class SignalState(msgspec.Struct, frozen=True, kw_only=True):
    trades: tuple[Trade, ...] = ()
    """Those that are open."""
    count: int = 0
    """Trades begun so far."""
    judged: dict[Symbol, datetime] = {}
    """When the newest candle that was judged had opened."""
    obeyed: tuple[str, ...] = ()


def decide(view: View, state: SignalState, params: SignalParams) -> Wish:
    notes: list[Note] = []
    trades = _follow(view, state.trades, params, notes)
    count = state.count
    heard = [*_from_candles(view, state, params), *_from_commands(view, state, params, notes)]
    for symbol, signal, until in heard:
        open_trade = next((trade for trade in trades if trade.symbol == symbol), None)
        if signal.action is Action.SHORT and open_trade is not None:
            notes.append(_signal_note(symbol, signal))
            left = leave(open_trade, f"SHORT by {signal.rule}")
            trades = [trade for trade in trades if trade is not open_trade] + ([left] if left is not None else [])
        elif signal.action is Action.LONG and open_trade is None:
            notes.append(_signal_note(symbol, signal))
            if len(trades) >= params.max_positions:
                reason = f"{len(trades)} trades are open, and max_positions is {params.max_positions}"
                notes.append(Note(kind="signal_skipped", symbol=symbol, reason=reason))
                continue
            count += 1
            fresh = Trade(number=count, symbol=symbol, phase=Phase.ENTERING, signal=signal, good_until=until)
            begun = begin(view, fresh, params, notes)
            trades += [begun] if begun is not None else []
    if heard:
        trades = _follow(view, trades, params, notes)
    wishes = [order for trade in trades if (order := wish_of(view, trade, params)) is not None]
    after = SignalState(
        trades=tuple(trades),
        count=count,
        judged=_newest(view, state, params),
        obeyed=tuple(sorted(command.id for command in view.commands)),
    )
    asking = tuple(question_of(view, trade, params) for trade in trades if trade.phase is Phase.ASKING)
    return Wish(tuple(wishes), after, tuple(notes), asking)


def _follow(view: View, trades: Iterable[Trade], params: SignalParams, notes: list[Note]) -> list[Trade]:
    return [after for trade in trades if (after := follow(view, trade, params, notes)) is not None]


def _from_candles(view: View, state: SignalState, params: SignalParams) -> Iterator[Heard]:
    """What the candles say that closed since the last look, each judged once and only while it is fresh."""
    for symbol in map(Symbol, params.symbols):
        reading = view.readings.get((symbol, params.timeframe))
        if reading is None:
            continue
        opened_at = reading.candles[-1].opened_at
        until = params.timeframe.replaced_at(opened_at)
        if view.now >= until or (symbol in state.judged and opened_at <= state.judged[symbol]):
            continue
        above = None
        if params.trend_timeframe is not None:
            above = view.readings.get((symbol, params.trend_timeframe))
            if above is None or view.now >= params.trend_timeframe.replaced_at(above.candles[-1].opened_at):
                continue
        yield symbol, judge(reading, above, params), until


def _from_commands(view: View, state: SignalState, params: SignalParams, notes: list[Note]) -> Iterator[Heard]:
    """What people and web hooks ask for, in the order that they asked."""
    for command in sorted(view.commands, key=lambda command: (command.at, command.id)):
        if command.id in state.obeyed:
            continue
        symbol = command.symbol or (Symbol(params.symbols[0]) if len(params.symbols) == 1 else None)
        action = _ACTIONS.get(command.name)
        if symbol is None or symbol not in params.symbols or action is None:
            reason = f"{command.name!r} for {command.symbol}; it takes {', '.join(_ACTIONS)} for one of its markets"
            notes.append(Note(kind="command_refused", symbol=command.symbol, reason=reason))
            continue
        yield symbol, Signal(action=action, rule="command"), command.expires_at


_ACTIONS = {action.value.lower(): action for action in (Action.LONG, Action.SHORT)}


def _newest(view: View, state: SignalState, params: SignalParams) -> dict[Symbol, datetime]:
    judged = dict(state.judged)
    for symbol in map(Symbol, params.symbols):
        if (reading := view.readings.get((symbol, params.timeframe))) is not None:
            opened_at = reading.candles[-1].opened_at
            judged[symbol] = max(opened_at, judged.get(symbol, opened_at))
    return judged


def _signal_note(symbol: Symbol, signal: Signal) -> Note:
    reason = f"{signal.action} by {signal.rule}"
    return Note(kind="signal", symbol=symbol, reason=reason, detail=dict(signal.numbers))


SIGNAL = Strategy(
    name="signal",
    about="Indicators tell a little more about the next candles than chance does: enter with a stop, risk a little.",
    params=SignalParams,
    state=SignalState,
    needs=needs,
    decide=decide,
    check=check,
)
