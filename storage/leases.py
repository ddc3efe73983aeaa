"""Who may trade for an account, and who leads a service. The database's clock decides, and nobody else's."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import case, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import AccountLease, ServiceLease
from trading.ids import AccountId, Epoch


async def grant(
    tx: AsyncConnection, account: AccountId, holder: str, ttl_s: float, *, grace_s: float, after_death: bool
) -> Epoch | None:
    """Give an account to a new holder, under an epoch higher than every one before.

    None while another's lease lives, and for `grace_s` after it ended: what that holder sent last may still be on its
    way to the venue. `after_death` says that the other is certainly dead and has nothing on its way.
    """
    now = func.clock_timestamp()
    free = AccountLease.expires_at < now - timedelta(seconds=grace_s)
    granted = await tx.execute(
        insert(AccountLease)
        .values(account_id=account, epoch=1, holder=holder, expires_at=now + timedelta(seconds=ttl_s))
        .on_conflict_do_update(
            index_elements=[AccountLease.account_id],
            set_={
                "epoch": AccountLease.epoch + 1,
                "holder": holder,
                "expires_at": now + timedelta(seconds=ttl_s),
            },
            where=None if after_death else free,
        )
        .returning(AccountLease.epoch)
    )
    epoch = granted.scalar_one_or_none()
    return None if epoch is None else Epoch(epoch)


async def renew(tx: AsyncConnection, held: Sequence[tuple[AccountId, Epoch]], ttl_s: float) -> set[AccountId]:
    """Put off the end of these leases. Answers those that are still theirs; one that has expired is lost for good."""
    if not held:
        return set()
    now = func.clock_timestamp()
    # Locked in one order, so that two renewals that overlap wait for each other instead of both waiting for ever.
    ours = (
        select(AccountLease.account_id)
        .where(tuple_(AccountLease.account_id, AccountLease.epoch).in_(held), AccountLease.expires_at > now)
        .order_by(AccountLease.account_id)
        .with_for_update()
        .cte()
    )
    renewed = await tx.execute(
        update(AccountLease)
        .where(AccountLease.account_id == ours.c.account_id)
        .values(expires_at=now + timedelta(seconds=ttl_s))
        .returning(AccountLease.account_id)
    )
    return {AccountId(account) for account in renewed.scalars()}


async def release(tx: AsyncConnection, account: AccountId, epoch: Epoch) -> None:
    """End a lease now, when it is still under this epoch. The row stays: it remembers the epoch."""
    await tx.execute(
        update(AccountLease)
        .where(AccountLease.account_id == account, AccountLease.epoch == epoch)
        .values(expires_at=func.least(AccountLease.expires_at, func.clock_timestamp()))
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
