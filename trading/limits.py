"""What an account may risk, and what happens when it is reached."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from trading.params import amount

Percent = Annotated[Decimal, amount(gt=0, le=100, about="per cent")]


class Consequence(StrEnum):
    """What a breach leads to. Each includes the ones before it."""

    REFUSE = "refuse"
    """This order is not sent."""
    REDUCE_ONLY = "reduce_only"
    """No entry until the owner's next day."""
    FLATTEN = "flatten"
    """Sell all that the run holds, and end it."""
    QUARANTINE = "quarantine"
    """Send nothing until a person has looked at it."""


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The risk manager's settings. Amounts are in the quote asset; per cents of a loss are of the capital."""

    capital: Annotated[Decimal, amount(gt=0, about="what losses are measured against")] | None = None
    """None: what the account was worth when the run first saw prices. Deposits later change nothing."""
    exposure_max: Annotated[Decimal, amount(gt=0, about="held and bid for, in all")] | None = None
    exposure_symbol_max: Annotated[Decimal, amount(gt=0, about="held and bid for, in one market")] | None = None
    open_orders_max: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 200
    open_positions_max: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50
    orders_per_minute_max: Annotated[int, msgspec.Meta(ge=1, le=6000)] = 120
    price_band_pct: Percent = Decimal(5)
    """How far past the market an order may reach: a buy above the mark, a sale below it."""
    price_reach_pct: Annotated[Decimal, amount(gt=0, le=1000, about="per cent")] = Decimal(90)
    """How far away from the market an order may rest."""
    quote_age_max_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 10
    exit_margin_pct: Annotated[Decimal, amount(ge=0, lt=100, about="per cent")] = Decimal(2)
    """An entry must stay large enough to be sold after the price fell by this and fees were paid."""
    daily_loss_max_pct: Percent = Decimal(10)
    daily_loss_then: Consequence = Consequence.REDUCE_ONLY
    drawdown_max_pct: Percent = Decimal(30)
    drawdown_then: Consequence = Consequence.FLATTEN
    losses_in_row_max: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    """So many losing trades one after another start a cool-down. 0: never."""
    cool_down_s: Annotated[int, msgspec.Meta(ge=1, le=604_800)] = 3600
    correlation_max: Annotated[Decimal, amount(gt=0, le=1, about="no entry in step with a market held")] | None = None
    volatile_loss_max_pct: Annotated[Decimal, amount(gt=0, le=100, about="per cent")] | None = None
    """No entry beyond which a market's typical move of one day would cost more than this of the capital."""
    errors_in_row_max: Annotated[int, msgspec.Meta(ge=1, le=100)] = 5
    """So many failures of the strategy's own code in a row quarantine the account."""
