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


async def take(tx: AsyncConnection, account: AccountId, holder: str) -> Epoch | None:
    return (await leases.grant(tx, [account], holder, TTL_S, grace_s=GRACE_S)).get(account)


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


async def test_many_are_granted_at_once_without_those_that_cannot_be_had(
    fleet: Database, ada: Tenant, ben: Tenant
) -> None:
    async with fleet.transaction() as tx:
        await leases.release(tx, [(ben.account, ben.epoch)])
        granted = await leases.grant(tx, [ada.account, ben.account], "host-2", TTL_S, grace_s=GRACE_S)
        assert granted == {ben.account: ben.epoch + 1}
        assert await leases.grant(tx, [], "host-2", TTL_S, grace_s=GRACE_S) == {}


async def test_who_cannot_be_had_is_known_beforehand(fleet: Database, ada: Tenant, ben: Tenant) -> None:
    async with fleet.transaction() as tx:
        await leases.release(tx, [(ben.account, ben.epoch)])
        assert await leases.held(tx, grace_s=GRACE_S) == {ada.account}
        await let_expire(tx, since_s=GRACE_S - 2)
        assert await leases.held(tx, grace_s=GRACE_S) == {ada.account, ben.account}
        await let_expire(tx, since_s=GRACE_S + 1)
        assert await leases.held(tx, grace_s=GRACE_S) == frozenset()


async def test_a_lease_that_was_given_up_is_taken_over_at_once(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        await leases.release(tx, [(ada.account, ada.epoch)])
        assert await take(tx, ada.account, "host-2") == ada.epoch + 1
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


async def test_a_lease_that_ran_out_is_its_holders_again_as_long_as_nobody_else_was_given_it(
    fleet: Database, ada: Tenant
) -> None:
    async with fleet.transaction() as tx:
        await let_expire(tx, since_s=GRACE_S + 1)
        assert await leases.renew(tx, [(ada.account, ada.epoch)], TTL_S) == {ada.account}
        assert await take(tx, ada.account, "host-2") is None
        await let_expire(tx, since_s=GRACE_S + 1)
        assert await take(tx, ada.account, "host-2") == ada.epoch + 1
        assert await leases.renew(tx, [(ada.account, ada.epoch)], TTL_S) == set()


async def test_a_lease_that_was_given_up_cannot_be_renewed(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        await leases.release(tx, [(ada.account, ada.epoch)])
        assert await leases.renew(tx, [(ada.account, ada.epoch)], TTL_S) == set()


async def test_giving_up_under_an_old_epoch_does_nothing(fleet: Database, ada: Tenant) -> None:
    async with fleet.transaction() as tx:
        await leases.release(tx, [(ada.account, ada.epoch)])
        epoch = await take(tx, ada.account, "host-2")
        assert epoch is not None
        await leases.release(tx, [(ada.account, ada.epoch)])
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
