"""The health strip: what must not be overlooked, on every page. What cannot be read is never counted healthy."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.schemas import Account, Mode
from storage.accounts import AccountRecord
from storage.controls import list_controls
from storage.fleet import PLATFORM
from storage.holdings import read_watches
from storage.worth import DayResult, results_today
from trading.events import Control
from trading.guard import Watch
from trading.ids import AccountId, UserId
from trading.limits import Limits

NEAR = Decimal("0.8")
"""From this share of the daily loss limit on, an account is named."""
SICK = frozenset({"quarantined", "halted"})


class Amount(msgspec.Struct, frozen=True, kw_only=True):
    """Live money and paper money are never in one sum, nor are two assets."""

    real: bool
    asset: str
    value: Decimal


class Near(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    share: Decimal
    """Of the limit, in per cent."""


class Strip(msgspec.Struct, frozen=True, kw_only=True):
    accounts: int
    wanted: int
    """Those that should trade."""
    beating: int
    """Of these, those that were heard of lately and are not in trouble."""
    silent: tuple[Account, ...]
    sick: tuple[Account, ...]
    halts: tuple[str, ...]
    """Which switches are not on `active`: `platform`, `user`, or names of accounts."""
    near: tuple[Near, ...]
    realised: tuple[Amount, ...]
    modes: tuple[Mode, ...]
    """Whose money there is, real money first."""

    @property
    def healthy(self) -> bool:
        return not (self.silent or self.sick or self.halts or self.near) and self.beating == self.wanted


async def read_strip(
    tx: AsyncConnection, user: UserId, records: Sequence[AccountRecord], accounts: Sequence[Account], now: datetime
) -> Strip:
    today = await results_today(tx, records, now)
    watches = await read_watches(tx, records)
    controls = await list_controls(tx, user, [record.id for record in records])
    names = {record.id: record.name for record in records} | {PLATFORM: "platform", user: "user"}
    wanted = [account for account in accounts if account.desired_state != "stopped"]
    return Strip(
        accounts=len(accounts),
        wanted=len(wanted),
        beating=sum(not account.status.stale and account.status.state not in SICK for account in wanted),
        silent=tuple(account for account in wanted if account.status.stale),
        sick=tuple(account for account in accounts if account.status.state in SICK),
        halts=tuple(
            names.get(control.scope, control.scope.partition("/")[2])
            for control in controls
            if control.state is not Control.ACTIVE
        ),
        near=near_their_limit(accounts, today, watches),
        realised=sums(accounts, {id_: result.realised for id_, result in today.items()}, today),
        modes=tuple(sorted({account.mode for account in accounts}, key=[Mode.LIVE, Mode.TESTNET, Mode.PAPER].index)),
    )


def near_their_limit(
    accounts: Sequence[Account], today: Mapping[AccountId, DayResult], watches: Mapping[AccountId, Watch]
) -> tuple[Near, ...]:
    found = []
    for account in accounts:
        share = loss_share(today.get(AccountId(account.id)), watches.get(AccountId(account.id)))
        if share is not None and share >= NEAR:
            found.append(Near(id=account.id, name=account.name, share=share * 100))
    return tuple(found)


def loss_share(result: DayResult | None, watch: Watch | None) -> Decimal | None:
    """How much of the day's loss limit is used up; None where that cannot be known."""
    if result is None or watch is None or not watch.capital:
        return None
    lost = max(-result.total, Decimal(0)) / watch.capital * 100
    return lost / Limits().daily_loss_max_pct


def sums(
    accounts: Sequence[Account], values: Mapping[AccountId, Decimal], today: Mapping[AccountId, DayResult]
) -> tuple[Amount, ...]:
    total: defaultdict[tuple[bool, str], Decimal] = defaultdict(Decimal)
    for account in accounts:
        id_ = AccountId(account.id)
        if id_ in values:
            total[account.mode is Mode.LIVE, today[id_].quote_asset] += values[id_]
    return tuple(
        Amount(real=real, asset=asset, value=value)
        for (real, asset), value in sorted(total.items(), key=lambda item: (not item[0][0], item[0][1]))
    )
