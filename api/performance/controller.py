"""`/portfolio`; `/accounts/{id}/worth`, `/equity`, `/positions`."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Self

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.schemas import Mode
from api.accounts.service import Accounts
from api.errors import invalid
from api.performance.schemas import Curve, Point, Portfolio, Positions, PositionView, Result, Step, Total, Worth
from storage.accounts import AccountRecord, Filter
from storage.candles import last_prices
from storage.holdings import read_holdings
from storage.worth import DayResult, EquityPoint, equity_curve, latest_worth, results_today
from trading.ids import AccountId, Symbol
from trading.money import ZERO, plain
from trading.positions import Position

ACCOUNTS_MAX = 500
POINTS_MAX = 2000
PRICE_AGE_MAX = timedelta(minutes=15)

Tx = NamedDependency[AsyncConnection]
Found = NamedDependency[Accounts]
Since = Annotated[datetime | None, QueryParameter(name="since", description="A day ago, when left out.")]


class PerformanceController(Controller):
    tags = ("Performance",)

    @get("/portfolio", operation_id="getPortfolio")
    async def portfolio(self, accounts: Found, tx: Tx) -> Portfolio:
        """All your accounts, and sums that may be summed: one per quote asset, paper apart from real money."""
        mine = await accounts.list(Filter(), None, ACCOUNTS_MAX)
        scales = await Scales.read(tx, mine)
        return Portfolio(totals=scales.totals(mine), accounts=[scales.worth(one) for one in mine])

    @get("/accounts/{account_id:str}/worth", operation_id="getWorth")
    async def worth(self, account_id: FromPath[str], accounts: Found, tx: Tx) -> Worth:
        """What it is worth now, what its run has made, and what today has brought."""
        account = await accounts.find(account_id)
        return (await Scales.read(tx, [account])).worth(account)

    @get("/accounts/{account_id:str}/equity", operation_id="getEquity")
    async def equity(
        self,
        account_id: FromPath[str],
        accounts: Found,
        tx: Tx,
        since: Since = None,
        step: FromQuery[Step] = Step.QUARTER,
    ) -> Curve:
        """What it was worth over time."""
        account = await accounts.find(account_id)
        now = datetime.now(UTC)
        start = now - timedelta(days=1) if since is None else since.astimezone(UTC)
        if (now - start) / step.length > POINTS_MAX:
            raise invalid("?step", f"that makes more than {POINTS_MAX} points: take a longer step, or begin later")
        points = await equity_curve(tx, [account], start, step.length)
        return Curve(
            quote_asset=points[-1].quote_asset if points else None,
            step=step,
            points=[
                Point(
                    at=point.at,
                    equity=plain(point.equity),
                    realised=plain(point.realised),
                    unrealised=plain(point.unrealised),
                )
                for point in points
            ],
        )

    @get("/accounts/{account_id:str}/positions", operation_id="listPositions")
    async def positions(self, account_id: FromPath[str], accounts: Found, tx: Tx) -> Positions:
        """What the present run holds, at what it cost."""
        account = await accounts.find(account_id)
        holdings = await read_holdings(tx, account)
        if holdings is None:
            return Positions(run_id=None, since=None, items=[])
        held = {symbol: one for symbol, one in holdings.books.positions.items() if one.quantity}
        prices = await last_prices(tx, account.venue, sorted(held), since=datetime.now(UTC) - PRICE_AGE_MAX)
        items = [position_view(symbol, held[symbol], prices.get(symbol)) for symbol in sorted(held)]
        return Positions(run_id=holdings.run, since=holdings.opened_at, items=items)


class Scales:
    """What accounts weigh now and have gained today, read for all of them at once."""

    def __init__(self, points: Mapping[AccountId, EquityPoint], days: Mapping[AccountId, DayResult]) -> None:
        self.points = points
        self.days = days

    @classmethod
    async def read(cls, tx: AsyncConnection, accounts: Sequence[AccountRecord]) -> Self:
        return cls(await latest_worth(tx, accounts), await results_today(tx, accounts, datetime.now(UTC)))

    def worth(self, account: AccountRecord) -> Worth:
        return worth_view(account, self.points.get(account.id), self.days.get(account.id))

    def totals(self, accounts: Sequence[AccountRecord]) -> list[Total]:
        groups: defaultdict[tuple[bool, str], list[AccountId]] = defaultdict(list)
        for account in accounts:
            if account.id in self.points:
                groups[account.mode == Mode.LIVE, self.points[account.id].quote_asset].append(account.id)
        return [self._total(real, asset, members) for (real, asset), members in sorted(groups.items(), reverse=True)]

    def _total(self, real: bool, asset: str, members: Sequence[AccountId]) -> Total:
        days = [self.days[account] for account in members if account in self.days]
        return Total(
            real=real,
            quote_asset=asset,
            accounts=len(members),
            equity=plain(sum((self.points[account].equity for account in members), ZERO)),
            today=result(sum((day.realised for day in days), ZERO), sum((day.unrealised for day in days), ZERO)),
        )


def worth_view(account: AccountRecord, point: EquityPoint | None, day: DayResult | None) -> Worth:
    return Worth(
        account_id=account.id,
        name=account.name,
        mode=Mode(account.mode),
        quote_asset=None if point is None else point.quote_asset,
        equity=None if point is None else plain(point.equity),
        at=None if point is None else point.at,
        run=None if point is None else result(point.realised, point.unrealised),
        today=None if day is None else result(day.realised, day.unrealised),
    )


def result(realised: Decimal, unrealised: Decimal) -> Result:
    return Result(realised=plain(realised), unrealised=plain(unrealised), total=plain(realised + unrealised))


def position_view(symbol: Symbol, position: Position, price: Decimal | None) -> PositionView:
    return PositionView(
        symbol=symbol,
        quantity=plain(position.quantity),
        cost=plain(position.cost),
        average_cost=plain(position.average_cost or ZERO),
        realised=plain(position.realised),
        price=None if price is None else plain(price),
        unrealised=None if price is None else plain(position.unrealised(price)),
    )
