"""Second factors: an authenticator's sealed secret, and recovery codes of which only hashes are kept."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from security.envelope import Sealed
from storage.tables import RecoveryCode, SecondFactor
from trading.ids import UserId


class FactorRecord(msgspec.Struct, frozen=True, kw_only=True):
    sealed: Sealed
    confirmed_at: datetime | None
    """None while its owner has not shown that their app has it: it guards nothing yet."""
    last_step: int


async def find_factor(tx: AsyncConnection, user: UserId) -> FactorRecord | None:
    found = await tx.execute(
        select(
            SecondFactor.sealed,
            SecondFactor.wrapped_key,
            SecondFactor.master_key_id,
            SecondFactor.confirmed_at,
            SecondFactor.last_step,
        ).where(SecondFactor.user_id == user)
    )
    row = found.one_or_none()
    if row is None:
        return None
    sealed = Sealed(sealed=row.sealed, wrapped_key=row.wrapped_key, master_key_id=row.master_key_id)
    return FactorRecord(sealed=sealed, confirmed_at=row.confirmed_at, last_step=row.last_step)


async def propose_factor(tx: AsyncConnection, user: UserId, sealed: Sealed) -> bool:
    """Keep a new secret until it is confirmed, instead of an older proposal. False when one is confirmed already."""
    values = msgspec.structs.asdict(sealed)
    proposed = await tx.execute(
        upsert(SecondFactor)
        .values(user_id=user, **values)
        .on_conflict_do_update(
            index_elements=[SecondFactor.user_id],
            set_=values | {"created_at": func.now()},
            where=SecondFactor.confirmed_at.is_(None),
        )
        .returning(SecondFactor.user_id)
    )
    return proposed.one_or_none() is not None


async def accept_step(tx: AsyncConnection, user: UserId, step: int) -> bool:
    """Use up a step of time. Of several who show the same code at once, one is told True."""
    accepted = await tx.execute(
        update(SecondFactor)
        .where(SecondFactor.user_id == user, SecondFactor.last_step < step)
        .values(last_step=step)
        .returning(SecondFactor.user_id)
    )
    return accepted.one_or_none() is not None


async def confirm_factor(tx: AsyncConnection, user: UserId, code_hashes: Sequence[bytes]) -> None:
    """From now on it is asked for. The recovery codes replace any older ones."""
    await tx.execute(update(SecondFactor).where(SecondFactor.user_id == user).values(confirmed_at=func.now()))
    await tx.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user))
    await tx.execute(insert(RecoveryCode), [{"user_id": user, "code_hash": code} for code in code_hashes])


async def remove_factor(tx: AsyncConnection, user: UserId) -> None:
    await tx.execute(delete(SecondFactor).where(SecondFactor.user_id == user))
    await tx.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user))


async def use_recovery_code(tx: AsyncConnection, user: UserId, code_hash: bytes) -> bool:
    used = await tx.execute(
        update(RecoveryCode)
        .where(RecoveryCode.user_id == user, RecoveryCode.code_hash == code_hash, RecoveryCode.used_at.is_(None))
        .values(used_at=func.now())
        .returning(RecoveryCode.user_id)
    )
    return used.one_or_none() is not None


async def recovery_codes_left(tx: AsyncConnection, user: UserId) -> int:
    query = select(func.count()).where(RecoveryCode.user_id == user, RecoveryCode.used_at.is_(None))
    return await tx.scalar(query) or 0
