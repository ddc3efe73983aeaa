"""One deal: bought in several steps, sold as a whole, in parts above its average price, by a trail, or by a stop.

Shared by the strategies that average down (`basket`, `dca_price`). A deal's number is the cycle of all its slots:
`B:…` buy, `S:TP1`, `S:TP2`, … are its targets, `S:TRAIL` and `S:STOP` sell at the market what is left.
"""

from decimal import Decimal

import msgspec

from trading.ids import Slot, Symbol
from trading.instruments import Instrument, Unfit, fit_price, fit_quantity
from trading.money import ZERO, floor_to, plain
from trading.orders import DesiredOrder, OrderKind, Purpose, Side
from trading.strategies.contract import View

TRAIL, STOP = Slot("S:TRAIL"), Slot("S:STOP")


class Exits(msgspec.Struct, frozen=True, kw_only=True):
    """How a deal is sold. What the targets leave over follows the price under a trail."""

    targets: tuple[tuple[Decimal, Decimal], ...] = ()
    """Per cent above the average price, and the share of all that was bought, in per cent."""
    trail_start_pct: Decimal = ZERO
    trail_pct: Decimal = ZERO
    """Zero: no trail, so the targets sell everything."""


class Deal(msgspec.Struct, frozen=True, kw_only=True):
    number: int = 0
    bought: Decimal = ZERO
    """What the targets are for; grows level by level and not with every crumb, which would move them all the time."""
    paid: Decimal = ZERO
    peak: Decimal = ZERO
    """The highest bid since the trail began; zero before."""
    exit_slot: Slot | None = None
    """Set when all that is left is to be sold at once."""


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """What a deal has bought and sold so far, fees included."""

    bought: Decimal
    paid: Decimal
    sold: Decimal
    received: Decimal

    @property
    def held(self) -> Decimal:
        return self.bought - self.sold


def tally(view: View, number: int, bid: Decimal | None = None) -> Tally:
    """Add up a deal's slots. With a bid, without what a level is buying just now."""
    bought = paid = sold = received = ZERO
    for facts in view.slots.values():
        if facts.cycle != number or not facts.filled:
            continue
        if facts.side is Side.SELL:
            sold += facts.net_base
            received += facts.net_quote
        elif bid is None or not facts.live or (facts.last.price is not None and bid > facts.last.price):
            bought += facts.net_base
            paid += facts.net_quote
    return Tally(bought=bought, paid=paid, sold=sold, received=received)


def follow(view: View, symbol: Symbol, deal: Deal, exits: Exits, stop_at: Decimal | None) -> tuple[Deal, str]:
    """Move a deal's targets and trail along. With a reason, it is to buy no more and sell what is left."""
    total = tally(view, deal.number)
    bid = view.quotes[symbol].bid
    if not total.bought:
        return deal, ""
    if stop_at is not None and bid <= stop_at:
        return _leave(deal, STOP), f"bid {plain(bid)} at or below the stop {plain(stop_at)}"
    if total.sold and not is_sellable(view.instruments[symbol], total.held, bid):
        return _leave(deal, STOP), "all sold"
    peak = deal.peak
    if exits.trail_pct and (peak or bid >= total.paid / total.bought * (1 + exits.trail_start_pct / 100)):
        peak = max(peak, bid)
        if bid <= peak * (1 - exits.trail_pct / 100):
            return _leave(deal, TRAIL), f"bid {plain(bid)} is {exits.trail_pct} % below its peak {plain(peak)}"
    settled = tally(view, deal.number, bid)
    bought, paid = (settled.bought, settled.paid) if settled.bought > deal.bought else (deal.bought, deal.paid)
    if (peak, bought) == (deal.peak, deal.bought):
        return deal, ""
    return msgspec.structs.replace(deal, peak=peak, bought=bought, paid=paid), ""


def leave(deal: Deal) -> Deal:
    """Sell all that is left at once, because somebody said so."""
    return _leave(deal, STOP)


def is_over(view: View, symbol: Symbol, deal: Deal) -> bool:
    """Whether a deal that leaves has nothing working and nothing left that could be sold."""
    if any(facts.live for facts in view.slots.values()):
        return False
    return not is_sellable(view.instruments[symbol], tally(view, deal.number).held, view.quotes[symbol].bid)


def sales(view: View, symbol: Symbol, deal: Deal, exits: Exits) -> list[DesiredOrder]:
    """What a deal offers now: its targets, or, when it leaves and its other orders have ended, all that is left."""
    if deal.exit_slot is None:
        return _targets(view, symbol, deal, exits)
    if any(facts.live for slot, facts in view.slots.items() if slot != deal.exit_slot):
        return []
    own = view.slot(deal.exit_slot, deal.number)
    total = tally(view, deal.number).held + (own.filled if own is not None else ZERO)
    if own is None and not is_sellable(view.instruments[symbol], total, view.quotes[symbol].bid):
        return []
    return [_sale(symbol, deal, deal.exit_slot, total, None)]


def is_sellable(instrument: Instrument, quantity: Decimal, price: Decimal) -> bool:
    return not isinstance(fit_quantity(instrument, quantity, price), Unfit)


def _leave(deal: Deal, slot: Slot) -> Deal:
    return msgspec.structs.replace(deal, exit_slot=slot)


def _targets(view: View, symbol: Symbol, deal: Deal, exits: Exits) -> list[DesiredOrder]:
    if not deal.bought:
        return []
    instrument = view.instruments[symbol]
    average = deal.paid / deal.bought
    slots = [Slot(f"S:TP{number}") for number in range(1, len(exits.targets) + 1)]
    facts = [view.slot(slot, deal.number) for slot in slots]
    parts = split(
        instrument,
        deal.bought,
        shares=[share for _, share in exits.targets],
        prices=[fit_price(instrument, Side.SELL, average * (1 + above / 100)) for above, _ in exits.targets],
        sold=[fact.filled if fact is not None else ZERO for fact in facts],
        trails=bool(exits.trail_pct),
    )
    return [
        _sale(symbol, deal, slot, quantity, price)
        for slot, (quantity, price) in zip(slots, parts, strict=True)
        if quantity
    ]


def split(
    instrument: Instrument,
    bought: Decimal,
    *,
    shares: list[Decimal],
    prices: list[Decimal],
    sold: list[Decimal],
    trails: bool,
) -> list[tuple[Decimal, Decimal]]:
    """How much each target sells in all, at which price.

    A part too small to be sold alone goes with the next, the last ones with the trail, or with the last that can be
    sold: nothing stays behind that the market's rules would not take. And no part is less than it has sold already.
    """
    parts: list[Decimal] = []
    carried = ZERO
    for share, price, done in zip(shares, prices, sold, strict=True):
        part = floor_to(bought * share / 100, instrument.lot_step) + carried
        fits = bool(done) or is_sellable(instrument, part, price)
        parts.append(part if fits else ZERO)
        carried = ZERO if fits else part
    rest = bought - sum(parts, ZERO)
    if rest and prices and (not trails or not is_sellable(instrument, rest, prices[-1])):
        last = max((number for number, part in enumerate(parts) if part), default=None)
        if last is not None:
            parts[last] += rest
        elif not trails and is_sellable(instrument, rest, prices[-1]):
            parts[-1] = rest
    for number, done in enumerate(sold):
        others = sum(parts[:number], ZERO) + sum(sold[number + 1 :], ZERO)
        parts[number] = min(max(parts[number], done), bought - others)
    return list(zip(parts, prices, strict=True))


def _sale(symbol: Symbol, deal: Deal, slot: Slot, quantity: Decimal, price: Decimal | None) -> DesiredOrder:
    return DesiredOrder(
        slot=slot,
        cycle=deal.number,
        symbol=symbol,
        side=Side.SELL,
        kind=OrderKind.MARKET if price is None else OrderKind.LIMIT,
        quantity=quantity,
        price=price,
        purpose=Purpose.EXIT,
        reason=f"{slot.removeprefix('S:')} of deal {deal.number}",
    )
