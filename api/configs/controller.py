"""`/accounts/{id}/config` and its history."""

from typing import Annotated

from litestar import Controller, Response, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody

from api.accounts.service import Accounts
from api.configs.schemas import Config, ConfigPage, PutConfig
from api.configs.service import Configs, view
from api.errors import CHANGED, CONFLICT, invalid
from api.identity.guard import needs
from api.identity.principal import Scope
from api.paging import PAGE_DEFAULT, Cursor, Keyset, Limit
from storage.keyset import Position

IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", max_length=32, description="The `ETag` that you edited, to edit no other."),
]


class ConfigController(Controller):
    path = "/accounts/{account_id:str}"
    tags = ("Strategies",)

    @get("/config", operation_id="getConfig")
    async def show(
        self, account_id: FromPath[str], accounts: NamedDependency[Accounts], configs: NamedDependency[Configs]
    ) -> Response[Config]:
        found = await configs.newest(await accounts.find(account_id))
        return Response(view(found), headers={"ETag": f'"{found.version}"'})

    @put("/config", opt={**needs(Scope.ACCOUNTS), "refuses": [CHANGED, CONFLICT]}, operation_id="putConfig")
    async def put(
        self,
        account_id: FromPath[str],
        data: JSONBody[PutConfig],
        accounts: NamedDependency[Accounts],
        configs: NamedDependency[Configs],
        if_match: IfMatch = None,
    ) -> Response[Config]:
        """Choose a strategy and its params. A running account goes over to the new version by itself."""
        added = await configs.put(await accounts.find(account_id), data, _version(if_match))
        return Response(view(added), headers={"ETag": f'"{added.version}"'})

    @get("/configs", operation_id="listConfigs")
    async def history(
        self,
        account_id: FromPath[str],
        accounts: NamedDependency[Accounts],
        configs: NamedDependency[Configs],
        cursor: Cursor = None,
        limit: Limit = PAGE_DEFAULT,
    ) -> ConfigPage:
        """All versions, newest first."""
        keyset = Keyset.read("configs", limit, cursor)
        rows = await configs.list(await accounts.find(account_id), keyset.after, limit)
        return keyset.page(ConfigPage, rows, view, lambda row: Position(row.created_at, (row.id,)))


def _version(etag: str | None) -> int | None:
    if etag is None:
        return None
    number = etag.strip().strip('"')
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise invalid("?If-Match", 'it is a version in quotes, as `ETag` gave it: "3"')
    return int(number)
