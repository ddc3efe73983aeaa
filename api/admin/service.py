"""What staff can do. Reading across tenants is one thing; changing something is done as its owner, for a reason."""

from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.commands import Command
from api.accounts.service import give_command
from api.controls.schemas import Controls
from api.controls.service import turn_by_staff, view
from api.errors import conflict, not_found
from api.identity.principal import Principal
from storage import accounts, audit, users
from storage.accounts import AccountRecord, Filter
from storage.audit import AuditRecord
from storage.controls import list_controls
from storage.database import act_as
from storage.fleet import PLATFORM
from storage.keyset import Position
from storage.sessions import revoke_sessions
from storage.tokens import revoke_tokens
from storage.users import UserRecord
from trading.events import Control
from trading.ids import AccountId, UserId


class Admin:
    def __init__(self, tx: AsyncConnection, principal: Principal) -> None:
        self._tx = tx
        self._principal = principal

    async def find_account(self, account: str) -> AccountRecord:
        found = await accounts.find_account(self._tx, AccountId(account), self._principal.reach_of_staff)
        if found is None:
            raise not_found()
        return found

    async def look_at_account(self, account: str) -> AccountRecord:
        found = await self.find_account(account)
        await self._write_down("staff.read", found.id)
        return found

    async def list_accounts(self, wanted: Filter, after: Position | None, limit: int) -> list[AccountRecord]:
        return await accounts.list_accounts(self._tx, self._principal.reach_of_staff, wanted, after, limit)

    async def command(self, account: str, command: Command, reason: str) -> AccountRecord:
        found = await self.find_account(account)
        await act_as(self._tx, found.user_id, admin=True)
        await give_command(self._tx, found, command)
        await self._write_down(f"account.{command}", found.id, reason)
        return await self.find_account(account)

    async def turn_account(self, account: str, state: Control, reason: str) -> Controls:
        found = await self.find_account(account)
        await act_as(self._tx, found.user_id, admin=True)
        await turn_by_staff(self._tx, found.id, found.user_id, state, reason, self._principal)
        return view(await list_controls(self._tx, found.user_id, [found.id]), found.user_id)

    async def turn_user(self, user: str, state: Control, reason: str) -> Controls:
        found = await self.find_user(user)
        await act_as(self._tx, found.id, admin=True)
        await turn_by_staff(self._tx, found.id, found.id, state, reason, self._principal)
        return view(await list_controls(self._tx, found.id), found.id)

    async def turn_platform(self, state: Control, reason: str) -> Controls:
        """Everything, everybody's: the last resort."""
        await turn_by_staff(self._tx, PLATFORM, None, state, reason, self._principal)
        return view(await list_controls(self._tx, self._principal.user_id), self._principal.user_id)

    async def list_users(self, after: Position | None, limit: int) -> list[UserRecord]:
        return await users.list_users(self._tx, after, limit)

    async def find_user(self, user: str) -> UserRecord:
        found = await users.find_user(self._tx, UserId(user))
        if found is None:
            raise not_found()
        return found

    async def disable(self, user: str, reason: str) -> UserRecord:
        """Shut somebody out at once: no session, link or token of theirs works any more. Their traders trade on."""
        found = await self.find_user(user)
        if found.id == self._principal.user_id:
            raise conflict("Nobody shuts themselves out.", state="yourself", allowed=[])
        await act_as(self._tx, found.id, admin=True)
        await users.set_disabled(self._tx, found.id, True)
        await revoke_sessions(self._tx, found.id)
        await revoke_tokens(self._tx, found.id)
        await self._write_down("user.disabled", found.id, reason)
        return await self.find_user(user)

    async def enable(self, user: str, reason: str) -> UserRecord:
        found = await self.find_user(user)
        await act_as(self._tx, found.id, admin=True)
        await users.set_disabled(self._tx, found.id, False)
        await self._write_down("user.enabled", found.id, reason)
        return await self.find_user(user)

    async def list_audit(self, before: int | None, limit: int, subject: str | None) -> list[AuditRecord]:
        return await audit.list_audit(self._tx, before, limit, subject=subject)

    async def broken_link(self) -> int | None:
        return await audit.broken_link(self._tx)

    async def _write_down(self, action: str, subject: str, reason: str | None = None) -> None:
        detail = {"role": self._principal.role} | ({} if reason is None else {"reason": reason})
        await audit.write_audit(self._tx, self._principal.user_id, action, subject, detail)
