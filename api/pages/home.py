"""Home: what all accounts together are worth, what today brought, and each account at a glance."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from api.accounts.schemas import Account, Mode
from api.pages.charts import Range, seconds, sparkline, steps_of, total_curve
from api.pages.strip import loss_share
from api.pages.visit import Page, Visit
from storage.accounts import AccountRecord
from storage.holdings import read_watches
from storage.reads import latest_fills
from storage.worth import DayResult, EquityPoint, equity_curve, latest_worth, results_today
from trading.ids import AccountId

FILLS_SHOWN = 12


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """One account at a glance."""

    account: Account
    worth: EquityPoint | None
    today: DayResult | None
    spark: str
    loss_share: Decimal | None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Of the accounts with one kind of money, in one asset."""

    real: bool
    asset: str
    accounts: int
    worth: Decimal
    realised: Decimal
    change: Decimal
    """Realised and open profit together."""
    at: datetime

    @property
    def percent(self) -> Decimal | None:
        before = self.worth - self.change
        return self.change / before * 100 if before > 0 else None


async def home_page(visit: Visit) -> Page:
    records, accounts = await visit.records(), await visit.accounts()
    worth = await latest_worth(visit.tx, records)
    today = await results_today(visit.tx, records, visit.now)
    watches = await read_watches(visit.tx, records)
    sparks = await _sparks(visit, records)
    cards = [
        Card(
            account=account,
            worth=worth.get(record.id),
            today=today.get(record.id),
            spark=sparks.get(record.id, ""),
            loss_share=loss_share(today.get(record.id), watches.get(record.id)),
        )
        for record, account in zip(records, accounts, strict=True)
    ]
    sums = totals(accounts, worth, today)
    return Page(
        name="home",
        live="page=home",
        fragments=("home/totals", "home/cards", "home/fills"),
        context={
            "cards": cards,
            "totals": sums,
            # The curve on the page is that of the first sum.
            "points": [{"chart": "nav", "point": {"time": seconds(visit.now), "value": float(sums[0].worth)}}]
            if sums
            else [],
            "fills": await latest_fills(visit.tx, records, FILLS_SHOWN),
            "names": {record.id: record.name for record in records},
        },
    )


def totals(
    accounts: Sequence[Account], worth: Mapping[AccountId, EquityPoint], today: Mapping[AccountId, DayResult]
) -> list[Total]:
    groups: defaultdict[tuple[bool, str], list[AccountId]] = defaultdict(list)
    for account in accounts:
        if (point := worth.get(AccountId(account.id))) is not None:
            groups[account.mode is Mode.LIVE, point.quote_asset].append(AccountId(account.id))
    return [
        Total(
            real=real,
            asset=asset,
            accounts=len(members),
            worth=sum((worth[one].equity for one in members), Decimal(0)),
            realised=sum((today[one].realised for one in members if one in today), Decimal(0)),
            change=sum((today[one].total for one in members if one in today), Decimal(0)),
            at=min(worth[one].at for one in members),
        )
        for (real, asset), members in sorted(groups.items(), key=lambda item: (not item[0][0], item[0][1]))
    ]


async def _sparks(visit: Visit, records: Sequence[AccountRecord]) -> dict[AccountId, str]:
    since, step = steps_of(Range.DAY, records, visit.now, points=40)
    curves: defaultdict[AccountId, list[Decimal]] = defaultdict(list)
    for point in await equity_curve(visit.tx, records, since, step):
        curves[point.account_id].append(point.equity)
    return {account: sparkline(values) for account, values in curves.items()}


async def nav_chart(visit: Visit, span: Range, *, real: bool, asset: str) -> dict[str, Any]:
    """The worth of all accounts of one kind of money together, for the chart."""
    records = [record for record in await visit.records() if (record.mode == Mode.LIVE) is real]
    since, step = steps_of(span, records, visit.now, points=240)
    points = [point for point in await equity_curve(visit.tx, records, since, step) if point.quote_asset == asset]
    return {"series": [{"kind": "area", "title": "", "points": total_curve(points, step or timedelta(minutes=1))}]}
