"""`/admin`: accounts of all tenants, users, the audit log."""

from typing import Annotated, Any

from litestar import Controller, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api.accounts.commands import Command, Wish
from api.accounts.schemas import Mode
from api.accounts.service import view
from api.admin.schemas import AnyAccount, AnyAccountPage, AuditChain, AuditView, Reason, UserPage, UserView
from api.admin.service import Admin
from api.controls.schemas import Controls, SetControl
from api.errors import CONFLICT
from api.identity.guard import FOR_ADMINS, FOR_STAFF
from api.identity.principal import Role
from api.paging import PAGE_DEFAULT, Cursor, Keyset, Limit
from api.settings import ApiSettings
from storage.accounts import AccountRecord, Filter
from storage.audit import AuditRecord
from storage.keyset import Position
from storage.users import UserRecord
from trading.ids import UserId

Desk = NamedDependency[Admin]
Settings = NamedDependency[ApiSettings]
Text = Annotated[str | None, QueryParameter(max_length=64)]
Status = Annotated[
    str | None, QueryParameter(name="status", max_length=64, description="What the fleet last said, as `status.state`.")
]
Before = Annotated[int | None, QueryParameter(name="before", ge=1, le=2**62, description="Only entries older than it.")]
ACTS: dict[str, Any] = {**FOR_ADMINS, "refuses": [CONFLICT]}


def any_account(found: AccountRecord, settings: ApiSettings) -> AnyAccount:
    return AnyAccount(user_id=found.user_id, account=view(found, settings))


def user_view(found: UserRecord) -> UserView:
    return UserView(
        id=found.id,
        email=found.email,
        role=Role(found.role),
        created_at=found.created_at,
        disabled_at=found.disabled_at,
    )


def audit_view(entry: AuditRecord) -> AuditView:
    return AuditView(
        id=entry.id,
        at=entry.at,
        actor_id=entry.actor_id,
        action=entry.action,
        subject=entry.subject,
        detail=entry.detail,
        hash=entry.hash.hex(),
    )


class AdminAccountController(Controller):
    path = "/admin/accounts"
    tags = ("Admin",)
    opt: dict[str, Any] = FOR_STAFF

    @get("/", operation_id="adminListAccounts")
    async def list(
        self,
        *,
        admin: Desk,
        settings: Settings,
        user_id: Text = None,
        venue: Text = None,
        mode: FromQuery[Mode | None] = None,
        desired_state: FromQuery[Wish | None] = None,
        status: Status = None,
        archived: FromQuery[bool] = False,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> AnyAccountPage:
        """Of all tenants, newest first."""
        keyset = Keyset.read("admin accounts", limit, cursor)
        wanted = Filter(
            user_id=None if user_id is None else UserId(user_id),
            venue=venue,
            mode=mode,
            desired_state=desired_state,
            state=status,
            archived=archived,
        )
        rows = await admin.list_accounts(wanted, keyset.after, limit)
        return keyset.page(
            AnyAccountPage,
            rows,
            lambda row: any_account(row, settings),
            lambda row: Position(row.created_at, (row.id,)),
        )

    @get("/{account_id:str}", operation_id="adminGetAccount")
    async def get(self, account_id: FromPath[str], admin: Desk, settings: Settings) -> AnyAccount:
        """Looking at somebody's account is written to the audit log."""
        return any_account(await admin.look_at_account(account_id), settings)

    @post("/{account_id:str}/start", status_code=202, opt=ACTS, operation_id="adminStartAccount")
    async def start(
        self, account_id: FromPath[str], data: JSONBody[Reason], admin: Desk, settings: Settings
    ) -> AnyAccount:
        return any_account(await admin.command(account_id, Command.START, data.reason), settings)

    @post("/{account_id:str}/pause", status_code=202, opt=ACTS, operation_id="adminPauseAccount")
    async def pause(
        self, account_id: FromPath[str], data: JSONBody[Reason], admin: Desk, settings: Settings
    ) -> AnyAccount:
        return any_account(await admin.command(account_id, Command.PAUSE, data.reason), settings)

    @post("/{account_id:str}/resume", status_code=202, opt=ACTS, operation_id="adminResumeAccount")
    async def resume(
        self, account_id: FromPath[str], data: JSONBody[Reason], admin: Desk, settings: Settings
    ) -> AnyAccount:
        return any_account(await admin.command(account_id, Command.RESUME, data.reason), settings)

    @post("/{account_id:str}/stop", status_code=202, opt=ACTS, operation_id="adminStopAccount")
    async def stop(
        self, account_id: FromPath[str], data: JSONBody[Reason], admin: Desk, settings: Settings
    ) -> AnyAccount:
        return any_account(await admin.command(account_id, Command.STOP, data.reason), settings)


class AdminControlController(Controller):
    path = "/admin"
    tags = ("Admin",)
    opt: dict[str, Any] = FOR_ADMINS

    @put("/control", operation_id="adminSetPlatformControl")
    async def platform(self, data: JSONBody[SetControl], admin: Desk) -> Controls:
        """Stop everything, of everybody, at the next order; or open it again."""
        return await admin.turn_platform(data.state, data.reason)

    @put("/users/{user_id:str}/control", operation_id="adminSetUserControl")
    async def user(self, user_id: FromPath[str], data: JSONBody[SetControl], admin: Desk) -> Controls:
        return await admin.turn_user(user_id, data.state, data.reason)

    @put("/accounts/{account_id:str}/control", operation_id="adminSetAccountControl")
    async def account(self, account_id: FromPath[str], data: JSONBody[SetControl], admin: Desk) -> Controls:
        """What staff shuts, its owner cannot open."""
        return await admin.turn_account(account_id, data.state, data.reason)


class AdminUserController(Controller):
    path = "/admin/users"
    tags = ("Admin",)
    opt: dict[str, Any] = FOR_STAFF

    @get("/", operation_id="adminListUsers")
    async def list(self, admin: Desk, cursor: Cursor = None, limit: Limit = PAGE_DEFAULT) -> UserPage:
        keyset = Keyset.read("users", limit, cursor)
        rows = await admin.list_users(keyset.after, limit)
        return keyset.page(UserPage, rows, user_view, lambda row: Position(row.created_at, (row.id,)))

    @post("/{user_id:str}/disable", status_code=200, opt=ACTS, operation_id="adminDisableUser")
    async def disable(self, user_id: FromPath[str], data: JSONBody[Reason], admin: Desk) -> UserView:
        """Shut a user out: every session and token of theirs ends at once. Their accounts go on as they were told."""
        return user_view(await admin.disable(user_id, data.reason))

    @post("/{user_id:str}/enable", status_code=200, opt=ACTS, operation_id="adminEnableUser")
    async def enable(self, user_id: FromPath[str], data: JSONBody[Reason], admin: Desk) -> UserView:
        return user_view(await admin.enable(user_id, data.reason))


class AuditController(Controller):
    path = "/admin/audit"
    tags = ("Admin",)
    opt: dict[str, Any] = FOR_STAFF

    @get("/", operation_id="adminListAudit")
    async def list(
        self, admin: Desk, before: Before = None, subject: Text = None, limit: Limit = PAGE_DEFAULT
    ) -> list[AuditView]:
        """What people changed, newest first; for older ones pass the last `id` as `before`."""
        return [audit_view(entry) for entry in (await admin.list_audit(before, limit, subject))[:limit]]

    @get("/chain", operation_id="adminVerifyAudit")
    async def verify(self, admin: Desk) -> AuditChain:
        """Compute every hash again."""
        broken = await admin.broken_link()
        return AuditChain(whole=broken is None, first_broken_id=broken)
