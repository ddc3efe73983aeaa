"""Accounts: the one door to each, and what can be done with one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.commands import COMMANDS, Command, Wish, allowed
from api.accounts.schemas import Account, AccountStatus, ChangeAccount, CrashContract, CreateAccount, Isolation, Mode
from api.errors import FORBIDDEN, TAKEN, ApiError, conflict, invalid, not_found
from api.identity.principal import Principal
from api.identity.second_factors import require_second_factor
from api.settings import ApiSettings
from storage import accounts
from storage.accounts import AccountRecord, Filter
from storage.audit import write_audit
from storage.ids import new_id
from storage.keyset import Position
from trading.events import CloseMode
from trading.ids import AccountId


class Accounts:
    """Of one caller, in one transaction. Whoever wants anything of an account gets it through `find`."""

    def __init__(self, tx: AsyncConnection, principal: Principal, settings: ApiSettings) -> None:
        self._tx = tx
        self._principal = principal
        self._settings = settings

    async def find(self, account: str) -> AccountRecord:
        found = await accounts.find_account(self._tx, AccountId(account), self._principal.reach)
        if found is None:
            raise not_found()
        return found

    async def list(self, wanted: Filter, after: Position | None, limit: int) -> list[AccountRecord]:
        return await accounts.list_accounts(self._tx, self._principal.reach, wanted, after, limit)

    async def create(self, wish: CreateAccount) -> AccountRecord:
        if self._principal.account is not None:
            raise ApiError(FORBIDDEN, "This token is locked to one account.")
        if self._principal.modes is not None and wish.mode not in self._principal.modes:
            raise ApiError(FORBIDDEN, "This token reaches paper and testnet accounts only.")
        self._check_venue(wish)
        check_time_zone(wish.time_zone)
        account = AccountId(new_id("acc"))
        values = msgspec.structs.asdict(wish)
        if not await accounts.add_account(self._tx, account, self._principal.user_id, **values):
            raise ApiError(TAKEN, "You have an account of this name already.")
        await write_audit(self._tx, self._principal.user_id, "account.created", account, values)
        return await self.find(account)

    async def change(self, account: AccountRecord, changes: ChangeAccount) -> AccountRecord:
        given = {name: value for name, value in msgspec.structs.asdict(changes).items() if value is not msgspec.UNSET}
        refuse_archived(account)
        if not given:
            return account
        if "time_zone" in given:
            check_time_zone(given["time_zone"])
        name = given.get("name")
        if name is not None and await accounts.name_is_taken(self._tx, account.user_id, name, except_for=account.id):
            raise ApiError(TAKEN, "You have an account of this name already.")
        await accounts.change_account(self._tx, account.id, given)
        await write_audit(self._tx, self._principal.user_id, "account.changed", account.id, given)
        return await self.find(account.id)

    async def archive(self, account: AccountRecord) -> None:
        if account.archived_at is not None:
            return
        if account.desired_state != Wish.STOPPED:
            raise conflict("Stop it first.", state=account.desired_state, allowed=[Command.STOP])
        await accounts.archive_account(self._tx, account.id)
        await write_audit(self._tx, self._principal.user_id, "account.archived", account.id)

    async def start(self, account_id: str, confirm: str | None) -> AccountRecord:
        account = await self.find(account_id)
        if account.mode == Mode.LIVE:
            # A token that may trade real money was made by somebody who had just shown their second factor.
            if self._principal.token_id is None:
                require_second_factor(self._principal)
            if confirm != account.name:
                raise invalid("/confirm", "it trades real money: repeat the account's name here")
        return await self.command(account_id, Command.START)

    async def command(self, account_id: str, command: Command, closing: CloseMode | None = None) -> AccountRecord:
        account = await self.find(account_id)
        await give_command(self._tx, account, command, closing)
        detail = {} if closing is None else {"closing": closing}
        await write_audit(self._tx, self._principal.user_id, f"account.{command}", account.id, detail)
        return await self.find(account.id)

    def _check_venue(self, wish: CreateAccount) -> None:
        venues = {venue.name: venue for venue in self._settings.venues}
        venue = venues.get(wish.venue)
        if venue is None:
            raise invalid("/venue", f"there is no such venue here; there are: {', '.join(sorted(venues))}")
        if wish.mode not in venue.modes:
            raise invalid("/mode", f"{venue.name} has only: {', '.join(venue.modes)}")


async def give_command(
    tx: AsyncConnection, account: AccountRecord, command: Command, closing: CloseMode | None = None
) -> None:
    """Write the wish down and wake the fleet, or refuse with what is allowed. The caller writes the audit row."""
    refuse_archived(account)
    wish = Wish(account.desired_state)
    becomes = COMMANDS.get((wish, command))
    if becomes is None:
        raise conflict(f"It is {wish}, so it cannot {command}.", state=wish, allowed=allowed(wish))
    if command is Command.START:
        refuse_unready(account)
    if not await accounts.set_desired_state(tx, account.id, was=wish, becomes=becomes, closing=closing):
        raise conflict("Somebody else has just changed it; look again.", state="changing", allowed=[])


def refuse_unready(account: AccountRecord) -> None:
    if account.key_last4 is None:
        raise conflict("It has no exchange key: put its credentials in first.", state="no_credentials", allowed=[])
    if account.config_version is None:
        raise conflict("It has no strategy: choose one first.", state="no_strategy", allowed=[])


def refuse_archived(account: AccountRecord) -> None:
    if account.archived_at is not None:
        raise conflict("It is archived.", state="archived", allowed=[])


def check_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise invalid("/time_zone", "there is no such time zone; an example: Europe/Berlin") from None


def view(account: AccountRecord, settings: ApiSettings) -> Account:
    wish = Wish(account.desired_state)
    seen = account.heartbeat_at
    fresh = seen is not None and datetime.now(UTC) - seen < timedelta(seconds=settings.runtime_stale_after_s)
    return Account(
        id=account.id,
        name=account.name,
        venue=account.venue,
        mode=Mode(account.mode),
        isolation=Isolation(account.isolation),
        crash_contract=CrashContract(account.crash_contract),
        time_zone=account.time_zone,
        created_at=account.created_at,
        archived_at=account.archived_at,
        desired_state=wish,
        allowed=[] if account.archived_at else allowed(wish),
        status=AccountStatus(
            state=account.state or "stopped",
            reason=account.reason or "",
            heartbeat_at=seen,
            stale=wish is not Wish.STOPPED and not fresh,
        ),
        key_last4=account.key_last4,
        strategy=account.strategy,
        config_version=account.config_version,
    )
