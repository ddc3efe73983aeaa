"""Deals: a buy and its sale, made together: both prices are fixed when the deal opens.

It believes that the price swings up and down by more than the markup, again and again. It earns the same small profit
many times over in such a market, and has no stop: in one that falls, deal after deal is bought and none is sold, until
`deal_count` of them hold their money and wait.

A deal bids at the best bid. What was not bought within `order_life_time` is withdrawn; what was bought by then is
offered at the deal's own target, which pays both fees and the markup. Deals keep a distance from each other, so that
one price does not take all the money.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from trading.events import Command
from trading.ids import Slot, Symbol
from trading.instruments import Unfit, fit_price, fit_quantity
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.params import amount
from trading.strategies.contract import Needs, Note, Strategy, SymbolName, View, Wish


class DealsParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    symbol: SymbolName
    deal_quota: Annotated[Decimal, amount(gt=0, about="quote amount that one deal may spend")]
    profit_markup: Annotated[Decimal, amount(gt=0, le=1000, about="per cent that a deal is to earn, both fees paid")]
    deal_count: Annotated[int, msgspec.Meta(ge=1, le=100, description="deals open at the same time")]
    order_life_time: Annotated[int, msgspec.Meta(ge=1, le=604_800, description="seconds that a buy may stay unfilled")]
    spacing_pct: Annotated[Decimal, amount(ge=0, lt=100, about="distance of a new deal from every open one")] = Decimal(
        1
    )


class Phase(StrEnum):
    BUYING = "buying"
    WITHDRAWING = "withdrawing"
    """No longer wants to buy; waits to know what it bought."""
    SELLING = "selling"


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    """Counts all deals of the run, and is the cycle of both its orders."""
    seat: int
    """Which of `deal_count` places it has: its orders are `B:seat` and `S:seat`."""
    phase: Phase = Phase.BUYING
    panic: bool = False
    """Told to sell at the market, whatever that brings."""
    bid: Decimal
    target: Decimal
    quantity: Decimal
    opened_at: datetime


class DealsState(msgspec.Struct, frozen=True, kw_only=True):
    opened: int = 0
    """Deals opened so far."""
    deals: tuple[Deal, ...] = ()
    """Those that are open."""
    paused: bool = False
    """Opens no deal after a mass close, until it is told to resume."""
    obeyed: tuple[str, ...] = ()


def needs(params: DealsParams) -> Needs:
    return Needs(symbols=(Symbol(params.symbol),))


def decide(view: View, state: DealsState, params: DealsParams) -> Wish:
    notes: list[Note] = []
    state = _obey(view, state, params, notes)
    deals = [left for deal in state.deals if (left := _follow(view, deal, params, notes)) is not None]
    opened = state.opened
    while not state.paused and (deal := _open(view, deals, opened + 1, params)) is not None:
        deals.append(deal)
        opened += 1
        notes.append(_note("deal_opened", params, deal, "a seat is free", target=deal.target, quantity=deal.quantity))
    orders = tuple(order for deal in deals if (order := _wish(view, deal, params)) is not None)
    return Wish(orders, msgspec.structs.replace(state, opened=opened, deals=tuple(deals)), tuple(notes))


def _obey(view: View, state: DealsState, params: DealsParams, notes: list[Note]) -> DealsState:
    """Carry out what people asked for since the last look, in the order that they asked."""
    for command in sorted(view.commands, key=lambda command: (command.at, command.id)):
        if command.id not in state.obeyed:
            state, reason = _carry_out(state, command)
            done = "command_refused" if reason else "command_obeyed"
            notes.append(Note(kind=done, symbol=Symbol(params.symbol), reason=reason or command.name))
    return msgspec.structs.replace(state, obeyed=tuple(sorted(command.id for command in view.commands)))


def _carry_out(state: DealsState, command: Command) -> tuple[DealsState, str]:
    """The state after it, or why it cannot be."""
    match command.name:
        case "panic_sell":
            chosen = [deal for deal in state.deals if deal.number == command.detail.get("deal")]
            if not chosen:
                return state, f"panic_sell names the deal {command.detail.get('deal')!r}, which is not open"
            return _panicked(state, chosen), ""
        case "mass_close":
            return msgspec.structs.replace(_panicked(state, state.deals), paused=True), ""
        case "resume":
            return msgspec.structs.replace(state, paused=False), ""
        case _:
            return state, f"{command.name!r} is none of panic_sell, mass_close, resume"


def _panicked(state: DealsState, chosen: Sequence[Deal]) -> DealsState:
    after = tuple(
        msgspec.structs.replace(deal, panic=True, phase=Phase.WITHDRAWING if deal.phase is Phase.BUYING else deal.phase)
        if deal in chosen
        else deal
        for deal in state.deals
    )
    return msgspec.structs.replace(state, deals=after)


def _follow(view: View, deal: Deal, params: DealsParams, notes: list[Note]) -> Deal | None:
    """Take a deal as far as the facts allow; None when it is closed."""
    bought, wish = view.slot(_slot("B", deal), deal.number), _wish(view, deal, params)
    if deal.phase is Phase.BUYING:
        if wish is not None and view.finished(wish):
            deal = msgspec.structs.replace(deal, phase=Phase.SELLING)
        elif view.now - deal.opened_at >= timedelta(seconds=params.order_life_time):
            deal = msgspec.structs.replace(deal, phase=Phase.WITHDRAWING)
            notes.append(_note("deal_withdrawn", params, deal, f"not bought within {params.order_life_time} s"))
    if deal.phase is Phase.WITHDRAWING and (bought is None or not bought.live):
        deal = msgspec.structs.replace(deal, phase=Phase.SELLING)
    if deal.phase is not Phase.SELLING:
        return deal
    wish = _wish(view, deal, params)
    if wish is not None and not view.finished(wish):
        return deal
    sold = view.slot(_slot("S", deal), deal.number)
    if bought is None or not bought.filled:
        notes.append(_note("deal_closed", params, deal, "nothing was bought"))
    elif sold is None:
        notes.append(_note("deal_closed", params, deal, "too little was bought to be sold", kept=bought.net_base))
    else:
        profit = sold.net_quote - bought.net_quote
        notes.append(_note("deal_closed", params, deal, "sold", price=sold.price, profit=profit))
    return None


def _open(view: View, deals: Sequence[Deal], number: int, params: DealsParams) -> Deal | None:
    """The next deal, if a seat is free and no open deal is too near."""
    symbol = Symbol(params.symbol)
    instrument = view.instruments[symbol]
    bid = fit_price(instrument, Side.BUY, view.quotes[symbol].bid)
    if len(deals) >= params.deal_count or bid <= 0:
        return None
    if any(abs(bid - deal.bid) < deal.bid * params.spacing_pct / 100 for deal in deals):
        return None
    taken = {deal.seat for deal in deals}
    return Deal(
        number=number,
        seat=next(seat for seat in range(1, params.deal_count + 1) if seat not in taken),
        bid=bid,
        target=fit_price(instrument, Side.SELL, _target(bid, params.profit_markup, instrument.taker_fee)),
        quantity=(params.deal_quota / bid).quantize(Decimal("1E-12"), ROUND_FLOOR),
        opened_at=view.now,
    )


def _target(bid: Decimal, markup_pct: Decimal, fee: Decimal) -> Decimal:
    """One fee shrinks what is bought, the other what the sale brings: both are earned back before the markup is."""
    return bid * (1 + markup_pct / 100) / ((1 - fee) * (1 - fee))


def _wish(view: View, deal: Deal, params: DealsParams) -> DesiredOrder | None:
    """The order that the deal wants to stand. None while selling means: nothing that could be sold."""
    symbol = Symbol(params.symbol)
    if deal.phase is Phase.WITHDRAWING:
        return None
    if deal.phase is Phase.BUYING:
        return DesiredOrder(
            slot=_slot("B", deal),
            cycle=deal.number,
            symbol=symbol,
            side=Side.BUY,
            kind=OrderKind.LIMIT,
            quantity=deal.quantity,
            price=deal.bid,
            purpose=Purpose.ENTRY,
            reason=f"deal {deal.number}",
        )
    bought = view.slot(_slot("B", deal), deal.number)
    if bought is None or not bought.filled:
        return None
    if view.slot(_slot("S", deal), deal.number) is None:
        sold_at = view.quotes[symbol].bid if deal.panic else deal.target
        if isinstance(fit_quantity(view.instruments[symbol], bought.net_base, sold_at), Unfit):
            return None
    return DesiredOrder(
        slot=_slot("S", deal),
        cycle=deal.number,
        symbol=symbol,
        side=Side.SELL,
        kind=OrderKind.MARKET if deal.panic else OrderKind.LIMIT,
        quantity=bought.net_base,
        price=None if deal.panic else deal.target,
        purpose=Purpose.EXIT,
        reason=f"deal {deal.number}, panic" if deal.panic else f"deal {deal.number} at its target",
    )


def _slot(kind: str, deal: Deal) -> Slot:
    return Slot(f"{kind}:{deal.seat}")


def _note(kind: str, params: DealsParams, deal: Deal, reason: str, **numbers: Decimal | None) -> Note:
    detail = {"deal": deal.number, "bid": str(deal.bid), **{name: str(number) for name, number in numbers.items()}}
    return Note(kind=kind, symbol=Symbol(params.symbol), reason=reason, detail=detail)


DEALS = Strategy(
    name="deals",
    about="The price swings by more than the markup again and again: buy and sell in pairs, many small profits.",
    params=DealsParams,
    state=DealsState,
    needs=needs,
    decide=decide,
)
