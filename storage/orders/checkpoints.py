"""A trader's memory, kept on its run. Older never replaces newer."""

import msgspec
from sqlalchemy import exists, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.tables import AccountLease, Run
from trading.events import Checkpoint
from trading.ids import AccountId, Epoch, RunId


async def save_checkpoint(
    tx: AsyncConnection, account: AccountId, epoch: Epoch, run: RunId, checkpoint: Checkpoint
) -> bool:
    """Remember it. False when it is not newer, or when its trader no longer holds the account's lease."""
    lease = exists().where(
        AccountLease.account_id == account,
        AccountLease.epoch == epoch,
        AccountLease.expires_at > func.clock_timestamp(),
    )
    saved = await tx.execute(
        update(Run)
        .where(Run.id == run, Run.account_id == account, Run.checkpoint_version < checkpoint.version, lease)
        .values(checkpoint=msgspec.to_builtins(checkpoint), checkpoint_version=checkpoint.version)
        .returning(Run.id)
    )
    return saved.scalar_one_or_none() is not None
