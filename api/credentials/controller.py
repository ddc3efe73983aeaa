"""`/accounts/{id}/credentials`."""

from litestar import Controller, delete, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api.accounts.service import Accounts
from api.credentials.schemas import Credentials, PutCredentials
from api.credentials.service import Keys
from api.errors import CONFLICT
from api.identity.guard import needs
from api.identity.principal import Scope


class CredentialController(Controller):
    path = "/accounts/{account_id:str}/credentials"
    tags = ("Credentials",)

    @get("/", operation_id="getCredentials")
    async def show(
        self, account_id: FromPath[str], accounts: NamedDependency[Accounts], keys: NamedDependency[Keys]
    ) -> Credentials:
        """The last four characters of the key, and since when."""
        return await keys.describe(await accounts.find(account_id))

    @put("/", opt={**needs(Scope.CREDENTIALS), "refuses": [CONFLICT]}, operation_id="putCredentials")
    async def put(
        self,
        account_id: FromPath[str],
        data: JSONBody[PutCredentials],
        accounts: NamedDependency[Accounts],
        keys: NamedDependency[Keys],
    ) -> Credentials:
        """Put an exchange key in, or replace the one that is there. It is sealed at once and cannot be read back."""
        return await keys.put(await accounts.find(account_id), data)

    @delete("/", opt={**needs(Scope.CREDENTIALS), "refuses": [CONFLICT]}, operation_id="deleteCredentials")
    async def delete(
        self, account_id: FromPath[str], accounts: NamedDependency[Accounts], keys: NamedDependency[Keys]
    ) -> None:
        await keys.delete(await accounts.find(account_id))
