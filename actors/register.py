"""The supervisor's side of the database: who should trade, who may, and what became of whom."""

import secrets
from collections.abc import Collection, Mapping

import msgspec
import structlog

from actors.config import FleetConfig
from storage import fleet, leases, runtime
from storage.database import Database, Role
from storage.fleet import DesiredAccount
from trading.events import Assignment
from trading.ids import AccountId, Epoch, UserId

LEADER_TTL_S = 3.0
PATIENCE_S = 5.0

log = structlog.get_logger()


class Departure(msgspec.Struct, frozen=True, kw_only=True):
    """A trader has ended, or its account may not have one."""

    account: AccountId
    user: UserId
    state: str
    reason: str = ""
    epoch: Epoch | None = None
    """Set when the trader is certainly dead: its lease is given up, and the next may begin at once."""
    closed: bool = False
    """Its run has ended as was asked."""


class Wishes(msgspec.Struct, frozen=True, kw_only=True):
    desired: Mapping[AccountId, DesiredAccount]
    quarantined: frozenset[AccountId]
    held: frozenset[AccountId]
    """Accounts that cannot be taken yet."""


class Register:
    """What has to be written waits here until the database takes it; nobody who was heard of is forgotten over that."""

    def __init__(self, config: FleetConfig) -> None:
        self._config = config
        self._grace_s = config.receive_window_ms / 1000
        self._database = Database(config.database_url.read(), Role.FLEET, patience_s=PATIENCE_S)
        self._holder = f"supervisor-{secrets.token_hex(4)}"
        self._departures: list[Departure] = []
        self.desired: Mapping[AccountId, DesiredAccount] = {}

    async def lead(self) -> bool:
        async with self._database.transaction() as tx:
            return await leases.lead(tx, "supervisor", self._holder, LEADER_TTL_S) is not None

    def depart(self, departure: Departure) -> None:
        """Written down with the next `settle`; until then the account is `departing`."""
        self._departures.append(departure)

    @property
    def departing(self) -> frozenset[AccountId]:
        return frozenset(each.account for each in self._departures)

    async def settle(self) -> None:
        departures = tuple(self._departures)
        if not departures:
            return
        shown: dict[tuple[str, str], set[tuple[AccountId, UserId]]] = {}
        for each in departures:
            shown.setdefault((each.state, each.reason), set()).add((each.account, each.user))
        async with self._database.transaction() as tx:
            await leases.release(tx, [(each.account, each.epoch) for each in departures if each.epoch is not None])
            for each in departures:
                if each.closed:
                    await fleet.close_run(tx, each.account)
            for (state, reason), accounts in shown.items():
                await runtime.set_states(tx, accounts, state, reason)
        del self._departures[: len(departures)]

    async def look(self) -> Wishes:
        async with self._database.transaction() as tx:
            self.desired = {row.account: row for row in await fleet.desired(tx)}
            quarantined = await runtime.quarantined(tx)
            # Stopping it is how a person says that they have looked: started again, it may trade.
            for account in quarantined - self.desired.keys():
                await runtime.release(tx, account)
            held = await leases.held(tx, grace_s=self._grace_s)
        return Wishes(desired=self.desired, quarantined=quarantined, held=held)

    async def take(self, holder: str, accounts: Collection[AccountId]) -> tuple[tuple[Assignment, str], ...]:
        """Take these accounts' leases and open their runs. With each its revision.

        Those that cannot be had, or are not wanted any more, are left out.
        """
        rows = [self.desired[account] for account in accounts if account in self.desired]
        async with self._database.transaction() as tx:
            epochs = await leases.grant(
                tx, [row.account for row in rows], holder, self._config.starting_ttl_s, grace_s=self._grace_s
            )
            rows = [row for row in rows if row.account in epochs]
            runs = await fleet.open_runs(tx, [(row.account, row.user, row.config_id) for row in rows])
            await runtime.set_states(tx, [(row.account, row.user) for row in rows], "starting", host=holder)
        return tuple(
            (
                Assignment(
                    account=row.account,
                    user=row.user,
                    venue=row.venue,
                    run=runs[row.account],
                    strategy=row.strategy,
                    params=row.params,
                    epoch=epochs[row.account],
                    time_zone=row.time_zone,
                ),
                row.revision,
            )
            for row in rows
        )
