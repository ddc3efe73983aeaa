"""`/accounts/{id}/commands`: what an owner asks of a running strategy."""

from datetime import UTC, datetime, timedelta

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.commands import Command as AccountCommand
from api.accounts.commands import Wish
from api.accounts.service import Accounts
from api.commands.schemas import GiveCommand, Given
from api.errors import CONFLICT, conflict
from api.identity.guard import needs
from api.identity.principal import Principal, Scope
from storage.audit import write_audit
from storage.commands import give_command
from storage.ids import new_id
from trading.events import Command
from trading.ids import Symbol


class CommandController(Controller):
    path = "/accounts/{account_id:str}/commands"
    tags = ("Accounts",)

    @post("/", status_code=202, opt={**needs(Scope.TRADING), "refuses": [CONFLICT]}, operation_id="giveCommand")
    async def give(
        self,
        account_id: FromPath[str],
        data: JSONBody[GiveCommand],
        accounts: NamedDependency[Accounts],
        principal: NamedDependency[Principal],
        tx: NamedDependency[AsyncConnection],
    ) -> Given:
        """Ask the running strategy for something, for instance to sell at once. What it does is in the decisions."""
        account = await accounts.find(account_id)
        if account.desired_state == Wish.STOPPED:
            raise conflict("It is stopped: start it first.", state=Wish.STOPPED, allowed=[AccountCommand.START])
        now = datetime.now(UTC)
        command = Command(
            id=data.key or new_id("cmd"),
            name=data.name,
            symbol=None if data.symbol is None else Symbol(data.symbol),
            detail=data.detail,
            at=now,
            expires_at=now + timedelta(seconds=data.good_for_s),
        )
        is_new = await give_command(tx, account.id, account.user_id, command)
        if is_new:
            await write_audit(tx, principal.user_id, "command.given", account.id, {"name": data.name})
        return Given(id=command.id, expires_at=command.expires_at, repeated=not is_new)
