"""Rebalance: hold fixed shares of several assets, and trade back to them in small steps.

It believes that what has risen against the rest will fall back against it: it sells a little of what became too large
and buys a little of what became too small. It loses against just holding when one asset rises and never falls back
(it was sold all the way up), or one falls for good (it was bought all the way down).

`plan` says what it would do, from prices, rules and balances alone; a preview calls it, and so does every tick. All
orders are of one size, a share of the net asset value, whatever the gap: large gaps are closed in several steps, at
several prices. Each is a limit a step away from the market, and while it works nothing else is done in its market.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from trading.ids import Asset, Slot, Symbol
from trading.instruments import Instrument, Unfit, fit_price, fit_quantity
from trading.market import Quote
from trading.money import ZERO
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.params import Problem, amount
from trading.strategies.contract import Needs, Note, Strategy, View, Wish

AssetName = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Z0-9]+$", max_length=20, description="an asset, for instance BTC")
]
Share = Annotated[Decimal, amount(ge=0, le=100, about="per cent of the net asset value")]
LEFT_BEHIND = 2
"""An order that the market has left this many steps away is withdrawn, or it would keep its market busy for good."""

SETTLING = timedelta(seconds=5)
"""A fill may be heard before the balance that it brought: an order counts as active for so long after its end."""


class RebalanceParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    quote: Annotated[AssetName, msgspec.Meta(description="what all is bought with; it keeps what no target takes")]
    targets: Annotated[dict[AssetName, Share], msgspec.Meta(min_length=1, max_length=50, description="share by asset")]
    order_size_pct: Annotated[Decimal, amount(gt=0, le=100, about="size of every order, of the net asset value")]
    order_step_pct: Annotated[Decimal, amount(gt=0, lt=50, about="limit price so far below or above the market")]
    min_delta_quote: Annotated[Decimal, amount(gt=0, about="quote amount; a smaller gap is left alone")]
    interval_s: Annotated[int, msgspec.Meta(ge=1, le=86_400, description="seconds from one look to the next")] = 30
    automatic: Annotated[bool, msgspec.Meta(description="off: acts only when told to execute")] = True


class Verdict(StrEnum):
    """What a plan does about one asset, or why it does nothing."""

    BUY = "buy"
    SELL = "sell"
    BALANCED = "balanced"
    ORDER_ACTIVE = "order_active"
    OVERSHOOTS = "overshoots"
    """The order would leave a gap as large as the one that it closes, so nothing would ever come to rest."""
    UNFIT = "unfit"
    """What the funds allow is less than the market's rules do."""


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """One asset of a plan. Amounts without a name of their own are in quote."""

    asset: Asset
    symbol: Symbol
    price: Decimal
    held: Decimal
    """Of the asset itself, free and locked."""
    value: Decimal
    target: Decimal
    gap: Decimal
    """Target less value: above zero there is too little of it."""
    verdict: Verdict
    quantity: Decimal = ZERO
    """Of the order, and its limit price; zero when there is none."""
    limit: Decimal = ZERO
    reason: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    nav: Decimal
    order_size: Decimal
    lines: tuple[PlanLine, ...]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """An order of an earlier tick, wished for until it has ended."""

    symbol: Symbol
    side: Side
    cycle: int
    quantity: Decimal
    limit: Decimal
    at: datetime


class RebalanceState(msgspec.Struct, frozen=True, kw_only=True):
    looked_at: datetime | None = None
    standing: tuple[Standing, ...] = ()
    count: int = 0
    """Orders wished for so far: the cycle of the newest."""
    obeyed: tuple[str, ...] = ()


def needs(params: RebalanceParams) -> Needs:
    return Needs(symbols=tuple(_symbol(asset, params) for asset in sorted(params.targets)))


def check(params: RebalanceParams) -> tuple[Problem, ...]:
    problems = []
    if params.quote in params.targets:
        problems.append(Problem("targets", params.quote, "assets other than quote, which keeps what they leave"))
    if (total := sum(params.targets.values(), ZERO)) > 100:
        problems.append(Problem("targets", total, "shares of at most 100 together"))
    return tuple(problems)


def plan(
    params: RebalanceParams,
    *,
    quotes: Mapping[Symbol, Quote],
    instruments: Mapping[Symbol, Instrument],
    balances: Mapping[Asset, tuple[Decimal, Decimal]],
    busy: Collection[Symbol] = (),
) -> Plan:
    """What there is to do, with nothing done. All markets of `needs` must be quoted and known; `busy` have an order."""
    held = {asset: sum(balances.get(Asset(asset), ()), ZERO) for asset in (*params.targets, params.quote)}
    values = {asset: held[asset] * quotes[_symbol(asset, params)].mid for asset in params.targets}
    nav = held[params.quote] + sum(values.values(), ZERO)
    size = nav * params.order_size_pct / 100
    spendable = balances.get(Asset(params.quote), (ZERO, ZERO))[0]
    lines = []
    for asset in sorted(params.targets):
        symbol = _symbol(asset, params)
        line = PlanLine(
            asset=Asset(asset),
            symbol=symbol,
            price=quotes[symbol].mid,
            held=held[asset],
            value=values[asset],
            target=nav * params.targets[asset] / 100,
            gap=nav * params.targets[asset] / 100 - values[asset],
            verdict=Verdict.BALANCED,
        )
        if symbol in busy:
            line = msgspec.structs.replace(line, verdict=Verdict.ORDER_ACTIVE)
        elif abs(line.gap) >= params.min_delta_quote:
            free = spendable if line.gap > 0 else balances.get(Asset(asset), (ZERO, ZERO))[0]
            line = _order(line, instruments[symbol], params, size, free)
        if line.verdict is Verdict.BUY:
            spendable -= line.quantity * line.limit
        lines.append(line)
    return Plan(nav=nav, order_size=size, lines=tuple(lines))


def _order(line: PlanLine, instrument: Instrument, params: RebalanceParams, size: Decimal, free: Decimal) -> PlanLine:
    """The order that narrows a gap: price, then quantity from it, then the lot, then the smallest order allowed.

    `free` is what there is to spend on a buy, in quote, or to sell, of the asset.
    """
    side = Side.BUY if line.gap > 0 else Side.SELL
    step = line.price * params.order_step_pct / 100
    limit = fit_price(instrument, side, line.price - step if side is Side.BUY else line.price + step)
    if limit <= 0:
        return msgspec.structs.replace(line, verdict=Verdict.UNFIT, reason=f"the price tick is {instrument.price_tick}")
    wanted = min(size, free) / limit if side is Side.BUY else min(size / limit, free)
    quantity = fit_quantity(instrument, wanted, limit)
    if isinstance(quantity, Unfit):
        return msgspec.structs.replace(line, verdict=Verdict.UNFIT, reason=str(quantity))
    if quantity * line.price >= 2 * abs(line.gap):
        reason = f"an order of {quantity * line.price:.2f} for a gap of {abs(line.gap):.2f}"
        return msgspec.structs.replace(line, verdict=Verdict.OVERSHOOTS, reason=reason)
    return msgspec.structs.replace(line, verdict=Verdict(side.value), quantity=quantity, limit=limit)


def decide(view: View, state: RebalanceState, params: RebalanceParams) -> Wish:
    notes: list[Note] = []
    state, told = _obey(view, state, params, notes)
    interval = timedelta(seconds=params.interval_s)
    if told or (params.automatic and (state.looked_at is None or view.now - state.looked_at >= interval)):
        state = _tick(view, state, params, notes)
    else:
        # What could not be sent within an interval is forgotten: the next plan rests on fresher prices.
        kept = tuple(order for order in state.standing if _live(view, order.symbol) or view.now - order.at < interval)
        state = msgspec.structs.replace(state, standing=kept)
    return Wish(tuple(map(_wish, state.standing)), state, tuple(notes))


def _obey(view: View, state: RebalanceState, params: RebalanceParams, notes: list[Note]) -> tuple[RebalanceState, bool]:
    """Whether somebody asked to execute since the last look."""
    told = False
    for command in sorted(view.commands, key=lambda command: (command.at, command.id)):
        if command.id in state.obeyed:
            continue
        if command.name != "execute":
            notes.append(Note(kind="command_refused", reason=f"{command.name!r} is not execute"))
        elif params.automatic:
            reason = f"it executes by itself every {params.interval_s} s; switch automatic off first"
            notes.append(Note(kind="command_refused", reason=reason))
        else:
            told = True
    return msgspec.structs.replace(state, obeyed=tuple(sorted(command.id for command in view.commands))), told


def _tick(view: View, state: RebalanceState, params: RebalanceParams, notes: list[Note]) -> RebalanceState:
    busy = {symbol for asset in params.targets if _busy(view, symbol := _symbol(asset, params))}
    fresh = plan(params, quotes=view.quotes, instruments=view.instruments, balances=view.balances, busy=busy)
    lines = {line.symbol: line for line in fresh.lines}
    working = [order for order in state.standing if _live(view, order.symbol)]
    standing = [order for order in working if _still_right(order, lines[order.symbol], params)]
    count = state.count
    for line in fresh.lines:
        if line.verdict in (Verdict.BUY, Verdict.SELL):
            count += 1
            standing.append(
                Standing(
                    symbol=line.symbol,
                    side=Side(line.verdict.value),
                    cycle=count,
                    quantity=line.quantity,
                    limit=line.limit,
                    at=view.now,
                )
            )
    withdrawn = [order.symbol for order in working if order not in standing]
    notes.append(_tick_note(fresh, count - state.count, withdrawn))
    return msgspec.structs.replace(state, looked_at=view.now, standing=tuple(standing), count=count)


def _still_right(order: Standing, line: PlanLine, params: RebalanceParams) -> bool:
    """Whether an order that works would be wanted today, and is still near the market."""
    wanted = Side.BUY if line.gap > 0 else Side.SELL
    reach = line.price * params.order_step_pct / 100 * LEFT_BEHIND
    return order.side is wanted and abs(line.gap) >= params.min_delta_quote and abs(order.limit - line.price) <= reach


def _wish(order: Standing) -> DesiredOrder:
    return DesiredOrder(
        slot=_slot(order.symbol),
        cycle=order.cycle,
        symbol=order.symbol,
        side=order.side,
        kind=OrderKind.LIMIT,
        quantity=order.quantity,
        price=order.limit,
        purpose=Purpose.ENTRY if order.side is Side.BUY else Purpose.EXIT,
        reason="too little of it" if order.side is Side.BUY else "too much of it",
    )


def _live(view: View, symbol: Symbol) -> bool:
    facts = view.slots.get(_slot(symbol))
    return facts is not None and bool(facts.live)


def _busy(view: View, symbol: Symbol) -> bool:
    facts = view.slots.get(_slot(symbol))
    return facts is not None and (bool(facts.live) or view.now - facts.last.updated_at < SETTLING)


def _tick_note(fresh: Plan, acts: int, withdrawn: list[Symbol]) -> Note:
    lines = [
        {"asset": line.asset, "gap": f"{line.gap:.8f}", "verdict": line.verdict.value, "reason": line.reason}
        for line in fresh.lines
    ]
    return Note(
        kind="rebalance_tick",
        reason=f"{acts} of {len(lines)} traded" if acts else "nothing to trade",
        detail={"nav": str(fresh.nav), "order_size": str(fresh.order_size), "lines": lines, "withdrawn": withdrawn},
    )


def _symbol(asset: str, params: RebalanceParams) -> Symbol:
    return Symbol(f"{asset}/{params.quote}")


def _slot(symbol: Symbol) -> Slot:
    return Slot(f"R:{symbol}")


REBALANCE = Strategy(
    name="rebalance",
    about="What rose against the rest will fall back: hold fixed shares, trade back to them in small steps.",
    params=RebalanceParams,
    state=RebalanceState,
    needs=needs,
    decide=decide,
    check=check,
)
