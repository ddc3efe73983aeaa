"""What owners and their web hooks ask of a running strategy: written here, heard by the gateway, told to the trader."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from storage.notifications import notify
from storage.tables import CommandRow
from trading.events import Command
from trading.ids import AccountId, Symbol, UserId

COMMANDS = "commands"
"""The channel that says that there is one. Its payload is the account."""


async def give_command(tx: AsyncConnection, account: AccountId, user: UserId, command: Command) -> bool:
    """Write it down and wake the gateway at commit. False when a command of that id was given before."""
    written = await tx.execute(
        insert(CommandRow)
        .values(
            account_id=account,
            id=command.id,
            user_id=user,
            name=command.name,
            symbol=command.symbol,
            detail=dict(command.detail),
            at=command.at,
            expires_at=command.expires_at,
        )
        .on_conflict_do_nothing()
        .returning(CommandRow.id)
    )
    if written.scalar_one_or_none() is None:
        return False
    await notify(tx, COMMANDS, account)
    return True


async def commands_for(tx: AsyncConnection, account: AccountId) -> list[Command]:
    """All that have not expired, oldest first. Traders know by its id which they have heard."""
    columns = CommandRow.__table__.c
    rows = await tx.execute(
        select(columns.id, columns.name, columns.symbol, columns.detail, columns.at, columns.expires_at)
        .where(columns.account_id == account, columns.expires_at > func.now())
        .order_by(columns.at, columns.id)
    )
    return [
        Command(
            id=row.id,
            name=row.name,
            symbol=None if row.symbol is None else Symbol(row.symbol),
            detail=row.detail,
            at=row.at,
            expires_at=row.expires_at,
        )
        for row in rows
    ]
