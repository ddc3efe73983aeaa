"""What accounts are worth: now, over time, and what today brought.

Equity is a hypertable without row-level security, so every question names the accounts *and* their users: both come
from `AccountRecord`s, which only `storage.accounts` gives out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.accounts import AccountRecord
from storage.tables import EquityRow
from trading.ids import AccountId

EPOCH = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


class EquityPoint(msgspec.Struct, frozen=True, kw_only=True):
    """Worth in the quote asset; realised and unrealised profit are those of the run of that moment."""

    account_id: AccountId
    at: datetime
    quote_asset: str
    equity: Decimal
    realised: Decimal
    unrealised: Decimal


class DayResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an account has gained or lost since its owner's midnight, over all runs of the day."""

    account_id: AccountId
    quote_asset: str
    realised: Decimal
    unrealised: Decimal
    """By how much open profit has changed."""

    @property
    def total(self) -> Decimal:
        return self.realised + self.unrealised


LATEST = text("""
    SELECT e.account_id, e.at, e.quote_asset, e.equity, e.realised, e.unrealised
    FROM unnest(CAST(:accounts AS text[]), CAST(:users AS text[])) AS a (id, user_id)
    CROSS JOIN LATERAL (
        SELECT * FROM equity WHERE account_id = a.id AND user_id = a.user_id ORDER BY at DESC LIMIT 1
    ) AS e
""")

# Profit is counted from the beginning of a run, so a day is the sum over its runs: the last profit of each, less what
# it had made before midnight.
TODAY = text("""
    SELECT r.account_id, last.quote_asset,
        sum(last.realised - coalesce(before.realised, 0)) AS realised,
        sum(last.unrealised - coalesce(before.unrealised, 0)) AS unrealised
    FROM unnest(CAST(:accounts AS text[]), CAST(:users AS text[]), CAST(:zones AS text[])) AS a (id, user_id, zone)
    CROSS JOIN LATERAL (
        SELECT date_trunc('day', CAST(:now AS timestamptz) AT TIME ZONE a.zone) AT TIME ZONE a.zone AS midnight
    ) AS d
    JOIN runs AS r ON r.account_id = a.id AND r.user_id = a.user_id
        AND (r.closed_at IS NULL OR r.closed_at > d.midnight)
    CROSS JOIN LATERAL (
        SELECT * FROM equity WHERE account_id = r.account_id AND user_id = r.user_id
            AND at >= greatest(r.opened_at, d.midnight) AND (r.closed_at IS NULL OR at < r.closed_at)
        ORDER BY at DESC LIMIT 1
    ) AS last
    LEFT JOIN LATERAL (
        SELECT * FROM equity WHERE account_id = r.account_id AND user_id = r.user_id
            AND at >= r.opened_at AND at < d.midnight
        ORDER BY at DESC LIMIT 1
    ) AS before ON true
    GROUP BY r.account_id, last.quote_asset
""")


async def latest_worth(tx: AsyncConnection, accounts: Sequence[AccountRecord]) -> Mapping[AccountId, EquityPoint]:
    """The newest point of each account's curve; an account that was never weighed is missing."""
    rows = await tx.execute(
        LATEST, {"accounts": [one.id for one in accounts], "users": [one.user_id for one in accounts]}
    )
    return {row.account_id: EquityPoint(**row._mapping) for row in rows}


async def equity_curve(
    tx: AsyncConnection, accounts: Sequence[AccountRecord], since: datetime, step: timedelta
) -> list[EquityPoint]:
    """One point an account and step, the last of it; by account, oldest first."""
    step_began = func.date_bin(step, EquityRow.at, EPOCH)
    query = (
        select(
            EquityRow.account_id,
            step_began.label("at"),
            EquityRow.quote_asset,
            EquityRow.equity,
            EquityRow.realised,
            EquityRow.unrealised,
        )
        .distinct(EquityRow.account_id, step_began)
        .where(
            tuple_(EquityRow.account_id, EquityRow.user_id).in_([(one.id, one.user_id) for one in accounts]),
            EquityRow.at >= since,
        )
        .order_by(EquityRow.account_id, step_began, EquityRow.at.desc())
    )
    return [EquityPoint(**row._mapping) for row in await tx.execute(query)]


async def results_today(
    tx: AsyncConnection, accounts: Sequence[AccountRecord], now: datetime
) -> Mapping[AccountId, DayResult]:
    """Since each account's own midnight; an account that has not been weighed today is missing."""
    rows = await tx.execute(
        TODAY,
        {
            "accounts": [one.id for one in accounts],
            "users": [one.user_id for one in accounts],
            "zones": [one.time_zone for one in accounts],
            "now": now,
        },
    )
    return {row.account_id: DayResult(**row._mapping) for row in rows}
