"""Worth and holdings. Amounts of different quote assets stand side by side, and paper never beside real money."""

from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from api.accounts.schemas import Mode
from api.history.schemas import Amount


class Step(StrEnum):
    """How far apart the points of a curve are."""

    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    QUARTER = "15m"
    HOUR = "1h"
    FOUR_HOURS = "4h"
    DAY = "1d"

    @property
    def length(self) -> timedelta:
        unit = {"m": "minutes", "h": "hours", "d": "days"}[self[-1]]
        return timedelta(**{unit: int(self[:-1])})


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """Total is realised plus unrealised: the change of what an account is worth, deposits left out."""

    realised: Amount
    unrealised: Amount
    total: Amount


class Worth(msgspec.Struct, frozen=True, kw_only=True):
    account_id: str
    name: str
    mode: Mode
    quote_asset: str | None
    """Null while the account was never weighed; so are the figures."""
    equity: Amount | None
    at: datetime | None
    run: Result | None
    """Of the present run of its strategy."""
    today: Result | None
    """Since midnight in the account's time zone."""


class Total(msgspec.Struct, frozen=True, kw_only=True):
    real: bool
    """Live accounts; false: paper and testnet."""
    quote_asset: str
    accounts: int
    equity: Amount
    today: Result


class Portfolio(msgspec.Struct, frozen=True, kw_only=True):
    totals: list[Total]
    accounts: list[Worth]


class Point(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    equity: Amount
    realised: Amount
    unrealised: Amount


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first; of each step the last point. A step without one is missing."""

    quote_asset: str | None
    step: Step
    points: list[Point]


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    symbol: str
    quantity: Amount
    cost: Amount
    """What it cost, fees included."""
    average_cost: Amount
    realised: Amount
    """Earned in this market by this run, net of fees."""
    price: Amount | None
    """The last close; null when none is known."""
    unrealised: Amount | None


class Positions(msgspec.Struct, frozen=True, kw_only=True):
    """What the present run has bought and not sold."""

    run_id: str | None
    since: datetime | None
    items: list[PositionView]
