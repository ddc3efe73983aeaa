"""Portfolio: several strategies on one account, each with capital of its own.

It believes nothing itself; it keeps its members apart. Each sees only its own slots, positions and money, as if the
account were its own, and may use what is reserved to it and what it has earned with that (rule `reserved` of risk).
What all members hold and owe adds up to what the run has done to the account.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from trading.events import Question
from trading.ids import Asset, base_of, quote_of
from trading.ledgers import MARK, Ledger, ledger_of, own_name, within
from trading.money import ZERO
from trading.orders import DesiredOrder, Side
from trading.params import ParamsRefused, Problem, amount, parse_one_of
from trading.strategies.contract import Feed, Needs, Note, Strategy, View, Wish

NO_LEDGER = Ledger()


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]{1,16}$", description="its own name within the portfolio")]
    strategy: Annotated[str, msgspec.Meta(description="name of the strategy")]
    capital: Annotated[Decimal, amount(gt=0, about="quote amount reserved to it")]
    params: dict[str, Any]
    """Of its strategy."""


class PortfolioParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    members: Annotated[tuple[Member, ...], msgspec.Meta(min_length=1, max_length=20)]


class PortfolioState(msgspec.Struct, frozen=True, kw_only=True):
    members: Mapping[str, Any] = {}
    """Each member's own state; in plain types after a restart, until it is first asked."""


class Seat(msgspec.Struct, frozen=True, kw_only=True):
    """A member, ready to be asked."""

    name: str
    strategy: Strategy
    params: Any
    needs: Needs
    capital: Decimal

    @property
    def quote(self) -> Asset:
        return quote_of(self.needs.symbols[0])


def portfolio(strategies: Mapping[str, Strategy]) -> Strategy:
    """The portfolio of these strategies."""
    return Strategy(
        name="portfolio",
        about="Several strategies on one account, each with capital of its own.",
        params=PortfolioParams,
        state=PortfolioState,
        needs=lambda params: _needs(_seats(params, strategies)),
        decide=decide,
        check=lambda params: _check(params, strategies),
        prepare=lambda params: _seats(params, strategies),
        capital=lambda params: {member.name: member.capital for member in params.members},
    )


def decide(view: View, state: PortfolioState, seats: tuple[Seat, ...]) -> Wish:
    orders: list[DesiredOrder] = []
    notes: list[Note] = []
    questions: list[Question] = []
    states: dict[str, Any] = {}
    for seat in seats:
        before = state.members.get(seat.name)
        if not isinstance(before, seat.strategy.state):
            kind = seat.strategy.state
            before = kind() if before is None else msgspec.convert(before, kind)
        wish = seat.strategy.decide(_view_of(view, seat), before, seat.params)
        states[seat.name] = wish.state
        orders += (msgspec.structs.replace(order, slot=within(seat.name, order.slot)) for order in wish.orders)
        notes += (msgspec.structs.replace(note, detail={"member": seat.name, **note.detail}) for note in wish.notes)
        questions += (
            msgspec.structs.replace(question, id=f"{seat.name}{MARK}{question.id}") for question in wish.questions
        )
    after = PortfolioState(members=states)
    return Wish(tuple(orders), state if after == state else after, tuple(notes), tuple(questions))


def _view_of(view: View, seat: Seat) -> View:
    """What a member sees: its own part of everything that belongs to somebody, and all of the market."""
    slots = {own_name(slot): facts for slot, facts in view.slots.items() if ledger_of(slot) == seat.name}
    ledger = view.ledgers.get(seat.name, NO_LEDGER)
    totals = dict(ledger.flows)
    totals[seat.quote] = totals.get(seat.quote, ZERO) + seat.capital
    locked: dict[Asset, Decimal] = {}
    for facts in slots.values():
        for order in facts.live:
            buys = order.side is Side.BUY
            asset = quote_of(order.symbol) if buys else base_of(order.symbol)
            used = order.remaining * (order.price or ZERO) if buys else order.remaining
            locked[asset] = locked.get(asset, ZERO) + used
    prefix = f"{seat.name}{MARK}"
    return msgspec.structs.replace(
        view,
        slots=slots,
        positions=ledger.positions,
        balances={asset: (total - locked.get(asset, ZERO), locked.get(asset, ZERO)) for asset, total in totals.items()},
        ledgers={},
        commands=tuple(command for command in view.commands if command.detail.get("member") in (None, seat.name)),
        answers={id_.removeprefix(prefix): answer for id_, answer in view.answers.items() if id_.startswith(prefix)},
    )


def _seats(params: PortfolioParams, strategies: Mapping[str, Strategy]) -> tuple[Seat, ...]:
    seats = []
    for member in params.members:
        strategy = strategies[member.strategy]
        own = parse_one_of(strategy.params, member.params)
        seats.append(
            Seat(
                name=member.name,
                strategy=strategy,
                params=strategy.prepare(own),
                needs=strategy.needs(own),
                capital=member.capital,
            )
        )
    return tuple(seats)


def _needs(seats: tuple[Seat, ...]) -> Needs:
    """All that any member needs; of two feeds of the same candles, the deeper with the indicators of both."""
    symbols = dict.fromkeys(symbol for seat in seats for symbol in seat.needs.symbols)
    feeds: dict[tuple[str, str], Feed] = {}
    for seat in seats:
        for feed in seat.needs.feeds:
            known = feeds.get((feed.symbol, feed.timeframe), feed)
            feeds[feed.symbol, feed.timeframe] = Feed(
                symbol=feed.symbol,
                timeframe=feed.timeframe,
                indicators=tuple(dict.fromkeys((*known.indicators, *feed.indicators))),
                depth=max(known.depth, feed.depth),
            )
    return Needs(symbols=tuple(symbols), feeds=tuple(feeds.values()))


def _check(params: PortfolioParams, strategies: Mapping[str, Strategy]) -> tuple[Problem, ...]:
    problems: list[Problem] = []
    names = [member.name for member in params.members]
    if len(set(names)) != len(names):
        problems.append(Problem("members", names, "names of which no two are the same"))
    for index, member in enumerate(params.members):
        where = f"members[{index}]"
        strategy = strategies.get(member.strategy)
        if strategy is None:
            problems.append(Problem(f"{where}.strategy", member.strategy, f"one of {', '.join(sorted(strategies))}"))
            continue
        try:
            found = strategy.check(parse_one_of(strategy.params, member.params))
        except ParamsRefused as refused:
            found = refused.problems
        problems += (Problem(f"{where}.params.{each.field}", each.value, each.allowed) for each in found)
    if (
        not problems
        and len(quotes := {quote_of(s) for seat in _seats(params, strategies) for s in seat.needs.symbols}) > 1
    ):
        problems.append(Problem("members", sorted(quotes), "markets of one quote asset, since capital is in that"))
    return tuple(problems)
