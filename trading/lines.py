"""Lines of the decision log."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from trading.events import Decision, Record
from trading.ids import Symbol
from trading.orders import DesiredOrder
from trading.risk import Refusal
from trading.state import Shown, TraderState

SHOW_AGAIN = timedelta(minutes=10)
BALANCE_LAG = timedelta(seconds=3)
"""A fill may be heard before the balance it brought: only a lack that lasts is worth a line."""


def record(now: datetime, kind: str, symbol: Symbol | None, reason: str, /, **detail: Any) -> Record:
    numbers = {name: str(value) if isinstance(value, Decimal) else value for name, value in detail.items()}
    return Record(kind=kind, symbol=symbol, reason=reason, detail=numbers, at=now)


def show(
    state: TraderState, refused: dict[DesiredOrder, Refusal], now: datetime
) -> tuple[TraderState, tuple[Decision, ...]]:
    """One line for a refusal when it begins, and again after a long while; not one at every look."""
    if not refused and not state.shown:
        return state, ()
    shown: dict[str, Shown] = {}
    lines: list[Decision] = []
    for wish, refusal in refused.items():
        before = state.shown.get(wish.slot)
        if before is None or before.rule != refusal.rule:
            before = Shown(refusal.rule, now, None)
        if before.written_at is not None:
            due = now - before.written_at >= SHOW_AGAIN
        else:
            due = refusal.rule != "balance" or now - before.since >= BALANCE_LAG
        if due:
            lines.append(_refusal_line(wish, refusal, now))
            before = Shown(before.rule, before.since, now)
        shown[wish.slot] = before
    if shown == state.shown:
        return state, ()
    return msgspec.structs.replace(state, shown=shown), tuple(lines)


def _refusal_line(wish: DesiredOrder, refusal: Refusal, now: datetime) -> Record:
    return record(
        now,
        "refused",
        wish.symbol,
        f"{refusal.rule}: {refusal.value} against {refusal.limit}",
        rule=refusal.rule,
        value=refusal.value,
        limit=refusal.limit,
        slot=wish.slot,
        cycle=wish.cycle,
        side=wish.side,
        quantity=wish.quantity,
        price=wish.price,
        wanted=wish.reason,
    )
