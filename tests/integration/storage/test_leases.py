from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage import leases
from storage.database import Database
from storage.tables import AccountLease, ServiceLease
from tests.integration.storage.conftest import Tenant
from trading.ids import AccountId, Epoch

TTL_S = 60.0
GRACE_S = 5.0


async def take(tx: AsyncConnection, account: AccountId, holder: str, *, after_death: bool = False) -> Epoch | None:
    return await leases.grant(tx, account, holder, TTL_S, grace_s=GRACE_S, after_death=after_death)


async def let_expire(tx: AsyncConnection, *, since_s: float) -> None:
    for lease in (AccountLease, ServiceLease):
        await tx.execute(update(lease).values(expires_at=func.clock_timestamp() - timedelta(seconds=since_s)))


async def test_a_lease_that_lives_is_not_given_to_another(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        assert await take(tx, ada.account, "host-2") is None


async def test_a_lease_that_ran_out_is_left_alone_for_the_grace_time(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        await let_expire(tx, since_s=GRACE_S - 2)
        assert await take(tx, ada.account, "host-2") is None
        await let_expire(tx, since_s=GRACE_S + 1)
        assert await take(tx, ada.account, "host-2") == ada.epoch + 1


async def test_a_dead_holders_lease_is_taken_over_at_once(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        assert await take(tx, ada.account, "host-2", after_death=True) == ada.epoch + 1
        assert await leases.renew(tx, [(ada.account, ada.epoch)], TTL_S) == set()


async def test_renewing_puts_off_the_end_of_those_that_are_still_theirs(
    fleet: Database, ada: Tenant, ben: Tenant
) -> None:
    held = [(ada.account, ada.epoch), (ben.account, Epoch(ben.epoch + 7)), (AccountId("acc_none"), Epoch(1))]
    async with fleet.transaction() as tx:
        assert await leases.renew(tx, held, 600) == {ada.account}
        soon = func.clock_timestamp() + timedelta(seconds=590)
        put_off = select(AccountLease.account_id).where(AccountLease.expires_at > soon)
        assert (await tx.scalars(put_off)).all() == [ada.account]
        assert await leases.renew(tx, [], 600) == set()


async def test_a_lease_that_ran_out_cannot_be_renewed(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        await let_expire(tx, since_s=0)
        assert await leases.renew(tx, [(ada.account, ada.epoch)], TTL_S) == set()


async def test_the_epoch_is_remembered_after_a_release(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        await leases.release(tx, ada.account, ada.epoch)
        assert await leases.renew(tx, [(ada.account, ada.epoch)], TTL_S) == set()
        assert await take(tx, ada.account, "host-2", after_death=True) == ada.epoch + 1


async def test_a_release_under_an_old_epoch_does_nothing(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        epoch = await take(tx, ada.account, "host-2", after_death=True)
        assert epoch is not None
        await leases.release(tx, ada.account, ada.epoch)
        assert await leases.renew(tx, [(ada.account, epoch)], TTL_S) == {ada.account}


class TestLeadership:
    async def test_belongs_to_one_and_is_kept_by_leading_on(self, fleet: Database) -> None:
        async with fleet.transaction() as tx:
            assert await leases.lead(tx, "supervisor", "one", TTL_S) == 1
            assert await leases.lead(tx, "supervisor", "two", TTL_S) is None
            assert await leases.lead(tx, "supervisor", "one", TTL_S) == 1
            assert await leases.lead(tx, "gardener", "two", TTL_S) == 1

    async def test_passes_on_with_a_new_epoch_when_it_runs_out(self, fleet: Database) -> None:
        async with fleet.transaction() as tx:
            await leases.lead(tx, "supervisor", "one", TTL_S)
            await let_expire(tx, since_s=1)
            assert await leases.lead(tx, "supervisor", "two", TTL_S) == 2
            assert await leases.lead(tx, "supervisor", "one", TTL_S) is None
