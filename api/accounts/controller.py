"""`/accounts`: make, look at, change, command."""

from litestar import Controller, Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from api.accounts.commands import Command
from api.accounts.schemas import Account, AccountPage, ChangeAccount, CreateAccount, StartAccount, StopAccount
from api.accounts.service import Accounts, view
from api.errors import CONFLICT, TAKEN
from api.identity.guard import needs
from api.identity.principal import Scope
from api.paging import PAGE_DEFAULT, Cursor, Keyset, Limit
from api.settings import ApiSettings
from storage.accounts import Filter
from storage.keyset import Position

Found = NamedDependency[Accounts]
Settings = NamedDependency[ApiSettings]
COMMANDS = {**needs(Scope.TRADING), "refuses": [CONFLICT]}


class AccountController(Controller):
    path = "/accounts"
    tags = ("Accounts",)

    @get("/", operation_id="listAccounts")
    async def list(
        self,
        accounts: Found,
        settings: Settings,
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
        archived: FromQuery[bool] = False,
    ) -> AccountPage:
        """Newest first."""
        keyset = Keyset.read("accounts", limit, cursor)
        rows = await accounts.list(Filter(archived=archived), keyset.after, limit)
        return keyset.page(
            AccountPage, rows, lambda row: view(row, settings), lambda row: Position(row.created_at, (row.id,))
        )

    @post("/", opt={**needs(Scope.ACCOUNTS), "refuses": [TAKEN]}, operation_id="createAccount")
    async def create(self, data: JSONBody[CreateAccount], accounts: Found, settings: Settings) -> Response[Account]:
        account = await accounts.create(data)
        return Response(view(account, settings), headers={"Location": f"/api/v1/accounts/{account.id}"})

    @get("/{account_id:str}", operation_id="getAccount")
    async def get(self, account_id: FromPath[str], accounts: Found, settings: Settings) -> Account:
        return view(await accounts.find(account_id), settings)

    @patch("/{account_id:str}", opt={**needs(Scope.ACCOUNTS), "refuses": [TAKEN]}, operation_id="changeAccount")
    async def change(
        self, account_id: FromPath[str], data: JSONBody[ChangeAccount], accounts: Found, settings: Settings
    ) -> Account:
        """Change what is given, and leave the rest."""
        return view(await accounts.change(await accounts.find(account_id), data), settings)

    @delete("/{account_id:str}", opt={**needs(Scope.ACCOUNTS), "refuses": [CONFLICT]}, operation_id="archiveAccount")
    async def archive(self, account_id: FromPath[str], accounts: Found) -> None:
        """Put a stopped account away. Its history stays."""
        await accounts.archive(await accounts.find(account_id))

    @post("/{account_id:str}/start", status_code=202, opt=COMMANDS, operation_id="startAccount")
    async def start(
        self, account_id: FromPath[str], accounts: Found, settings: Settings, data: JSONBody[StartAccount | None] = None
    ) -> Account:
        """Trade. The fleet follows within seconds; `status` says how far it is.

        A live account wants its name in `confirm`, and the second factor shown lately.
        """
        return view(await accounts.start(account_id, None if data is None else data.confirm), settings)

    @post("/{account_id:str}/pause", status_code=202, opt=COMMANDS, operation_id="pauseAccount")
    async def pause(self, account_id: FromPath[str], accounts: Found, settings: Settings) -> Account:
        """Have its trader rest until it is resumed. Orders and coins stay where they are."""
        return view(await accounts.command(account_id, Command.PAUSE), settings)

    @post("/{account_id:str}/resume", status_code=202, opt=COMMANDS, operation_id="resumeAccount")
    async def resume(self, account_id: FromPath[str], accounts: Found, settings: Settings) -> Account:
        """Enter again."""
        return view(await accounts.command(account_id, Command.RESUME), settings)

    @post("/{account_id:str}/stop", status_code=202, opt=COMMANDS, operation_id="stopAccount")
    async def stop(
        self, account_id: FromPath[str], accounts: Found, settings: Settings, data: JSONBody[StopAccount | None] = None
    ) -> Account:
        """Stop trading. Without a mode, orders and coins stay where they are. Saying it twice is no error."""
        closing = None if data is None else data.mode.closing
        return view(await accounts.command(account_id, Command.STOP, closing), settings)
