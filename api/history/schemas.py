from datetime import datetime
from decimal import Decimal

import msgspec

from storage.reads import DecisionRead, FillRead, OrderRead

__all__ = ["Balance", "Balances", "DecisionRead", "FillRead", "OrderRead"]


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    asset: str
    free: Decimal
    locked: Decimal
    total: Decimal


class Balances(msgspec.Struct, frozen=True, kw_only=True):
    """As the venue last reported them. `at` is null before the first report."""

    items: list[Balance]
    at: datetime | None
