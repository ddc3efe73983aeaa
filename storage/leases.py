"""Who may trade for an account, and who leads a service. The database's clock decides, and nobody else's."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import case, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import AccountLease, ServiceLease
from trading.ids import AccountId, Epoch

RELEASED = func.to_timestamp(0)
"""When a lease ended that nobody may renew any more."""


async def grant(
    tx: AsyncConnection, accounts: Collection[AccountId], holder: str, ttl_s: float, *, grace_s: float
) -> dict[AccountId, Epoch]:
    """Give accounts to a new holder, each under an epoch higher than every one before.

    Without those whose lease lives, or ended less than `grace_s` ago: what its holder sent last may still be on its way
    to the venue. A lease that was released is free at once.
    """
    if not accounts:
        return {}
    until = func.clock_timestamp() + timedelta(seconds=ttl_s)
    rows = [{"account_id": account, "epoch": 1, "holder": holder, "expires_at": until} for account in sorted(accounts)]
    granted = await tx.execute(
        insert(AccountLease)
        .values(rows)
        .on_conflict_do_update(
            index_elements=[AccountLease.account_id],
            set_={"epoch": AccountLease.epoch + 1, "holder": holder, "expires_at": until},
            where=AccountLease.expires_at < func.clock_timestamp() - timedelta(seconds=grace_s),
        )
        .returning(AccountLease.account_id, AccountLease.epoch)
    )
    return {AccountId(account): Epoch(epoch) for account, epoch in granted}


async def held(tx: AsyncConnection, *, grace_s: float) -> frozenset[AccountId]:
    """The accounts that `grant` would leave out."""
    latest = func.clock_timestamp() - timedelta(seconds=grace_s)
    rows = await tx.scalars(select(AccountLease.account_id).where(AccountLease.expires_at >= latest))
    return frozenset(AccountId(account) for account in rows)


async def renew(tx: AsyncConnection, held: Sequence[tuple[AccountId, Epoch]], ttl_s: float) -> set[AccountId]:
    """Put off the end of these leases. Answers those that are still theirs.

    One that ran out while the database was away is theirs as long as nobody else was given the account: the epoch says
    so. One that was released is nobody's.
    """
    if not held:
        return set()
    # Locked in one order, so that two renewals that overlap wait for each other instead of both waiting for ever.
    ours = (
        select(AccountLease.account_id)
        .where(tuple_(AccountLease.account_id, AccountLease.epoch).in_(held), AccountLease.expires_at > RELEASED)
        .order_by(AccountLease.account_id)
        .with_for_update()
        .cte()
    )
    renewed = await tx.execute(
        update(AccountLease)
        .where(AccountLease.account_id == ours.c.account_id)
        .values(expires_at=func.clock_timestamp() + timedelta(seconds=ttl_s))
        .returning(AccountLease.account_id)
    )
    return {AccountId(account) for account in renewed.scalars()}


async def release(tx: AsyncConnection, given_up: Sequence[tuple[AccountId, Epoch]]) -> None:
    """End these leases for good. Only for holders that are certainly dead, with nothing of theirs on its way.

    The rows stay: they remember the epochs.
    """
    if given_up:
        await tx.execute(
            update(AccountLease)
            .where(tuple_(AccountLease.account_id, AccountLease.epoch).in_(given_up))
            .values(expires_at=RELEASED)
        )


async def lead(tx: AsyncConnection, role: str, holder: str, ttl_s: float) -> Epoch | None:
    """Become or stay the leader of a role. None while somebody else is; a new leader has a new epoch."""
    now = func.clock_timestamp()
    until = now + timedelta(seconds=ttl_s)
    ours = ServiceLease.holder == holder
    led = await tx.execute(
        insert(ServiceLease)
        .values(role=role, holder=holder, epoch=1, expires_at=until)
        .on_conflict_do_update(
            index_elements=[ServiceLease.role],
            set_={
                "holder": holder,
                "epoch": ServiceLease.epoch + case((ours, 0), else_=1),
                "expires_at": until,
            },
            where=ours | (ServiceLease.expires_at < now),
        )
        .returning(ServiceLease.epoch)
    )
    epoch = led.scalar_one_or_none()
    return None if epoch is None else Epoch(epoch)
