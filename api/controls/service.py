"""Turning switches. Customers turn their own; what staff has shut, only staff opens."""

from sqlalchemy.ext.asyncio import AsyncConnection

from api.controls.schemas import Controls, ControlView, Level
from api.errors import conflict
from api.identity.principal import Principal
from storage import controls
from storage.accounts import FLEET_CHANNEL, AccountRecord
from storage.audit import write_audit
from storage.controls import ControlRecord, symbol_scope
from storage.fleet import PLATFORM, STRICTNESS
from storage.notifications import notify
from trading.events import Control
from trading.ids import Symbol, UserId


class Switches:
    """The caller's own, in one transaction."""

    def __init__(self, tx: AsyncConnection, principal: Principal) -> None:
        self._tx = tx
        self._principal = principal

    async def over_account(self, account: AccountRecord) -> Controls:
        return view(await controls.list_controls(self._tx, account.user_id, [account.id]), account.user_id)

    async def over_user(self) -> Controls:
        user = self._principal.user_id
        return view(await controls.list_controls(self._tx, user), user)

    async def turn_account(self, account: AccountRecord, symbol: str | None, state: Control, reason: str) -> Controls:
        scope = account.id if symbol is None else symbol_scope(account.id, Symbol(symbol))
        await self._turn(scope, state, reason)
        await notify(self._tx, FLEET_CHANNEL, account.id)
        return await self.over_account(account)

    async def turn_user(self, state: Control, reason: str) -> Controls:
        """Over all of the caller's accounts."""
        await self._turn(self._principal.user_id, state, reason)
        await notify(self._tx, FLEET_CHANNEL)
        return await self.over_user()

    async def _turn(self, scope: str, state: Control, reason: str) -> None:
        user = self._principal.user_id
        now = await controls.find_control(self._tx, scope)
        by: UserId | None = user
        if now is not None and is_shut_by_staff(now, user):
            if STRICTNESS.index(state) < STRICTNESS.index(now.state):
                raise conflict("Staff has shut this; ask them to open it.", state=now.state, allowed=[])
            # Made stricter it is still staff's: tightening must not make it one's own to loosen.
            by = now.changed_by
        await controls.set_control(self._tx, scope, user, state, reason, by)
        await write_audit(self._tx, user, f"control.{state}", scope, {"reason": reason})


async def turn_by_staff(  # noqa: PLR0917  (a switch, its position, and who turned it why)
    tx: AsyncConnection, scope: str, owner: UserId | None, state: Control, reason: str, staff: Principal
) -> None:
    await controls.set_control(tx, scope, owner, state, reason, staff.user_id)
    await write_audit(tx, staff.user_id, f"control.{state}", scope, {"reason": reason, "role": staff.role})
    await notify(tx, FLEET_CHANNEL)


def is_shut_by_staff(record: ControlRecord, owner: UserId) -> bool:
    return record.state is not Control.ACTIVE and record.changed_by != owner


def view(records: list[ControlRecord], owner: UserId) -> Controls:
    items = [control_view(record, owner) for record in records]
    over_all = [item.state for item in items if item.level is not Level.SYMBOL]
    return Controls(effective=max(over_all, key=STRICTNESS.index, default=Control.ACTIVE), items=items)


def control_view(record: ControlRecord, owner: UserId) -> ControlView:
    name, _, symbol = record.scope.partition("/")
    level = Level.SYMBOL if symbol else Level.ACCOUNT
    if not symbol and name in {PLATFORM, owner}:
        level = Level.PLATFORM if name == PLATFORM else Level.USER
    return ControlView(
        level=level,
        symbol=symbol or None,
        state=record.state,
        reason=record.reason,
        by_staff=record.changed_by != owner,
        changed_at=record.changed_at,
    )
