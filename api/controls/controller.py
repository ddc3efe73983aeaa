"""`/controls` over all of one's accounts, `/accounts/{id}/controls` over one."""

from litestar import Controller, get, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from api.accounts.service import Accounts
from api.controls.schemas import Controls, SetAccountControl, SetControl
from api.controls.service import Switches
from api.errors import CONFLICT
from api.identity.guard import needs
from api.identity.principal import Scope

Found = NamedDependency[Accounts]
Mine = NamedDependency[Switches]


class ControlController(Controller):
    tags = ("Controls",)

    @get("/controls", operation_id="getControls")
    async def over_user(self, switches: Mine) -> Controls:
        """The switches over all of your accounts."""
        return await switches.over_user()

    @put("/controls", opt={**needs(Scope.TRADING), "refuses": [CONFLICT]}, operation_id="setControls")
    async def turn_user(self, data: JSONBody[SetControl], switches: Mine) -> Controls:
        """Stop all of your accounts at once, or let them trade again."""
        return await switches.turn_user(data.state, data.reason)

    @get("/accounts/{account_id:str}/controls", operation_id="getAccountControls")
    async def over_account(self, account_id: FromPath[str], accounts: Found, switches: Mine) -> Controls:
        """Every switch that bears on this account, from the platform's down to its markets'."""
        return await switches.over_account(await accounts.find(account_id))

    @put(
        "/accounts/{account_id:str}/controls",
        opt={**needs(Scope.TRADING), "refuses": [CONFLICT]},
        operation_id="setAccountControls",
    )
    async def turn_account(
        self, account_id: FromPath[str], data: JSONBody[SetAccountControl], accounts: Found, switches: Mine
    ) -> Controls:
        """Stop one account, or one of its markets, from the next order on."""
        account = await accounts.find(account_id)
        return await switches.turn_account(account, data.symbol, data.state, data.reason)
