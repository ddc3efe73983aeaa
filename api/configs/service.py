"""Choosing a strategy. Params are checked by the strategy itself and stored in its own spelling."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.service import refuse_archived
from api.configs.schemas import Config, PutConfig
from api.errors import CHANGED, INVALID, ApiError, FieldError, invalid, not_found
from api.identity.principal import Principal
from storage import configs
from storage.accounts import FLEET_CHANNEL, AccountRecord
from storage.audit import write_audit
from storage.configs import ConfigRecord
from storage.ids import new_id
from storage.keyset import Position
from storage.notifications import notify
from trading.params import ParamsRefused
from trading.strategies import parse_params
from trading.strategies.contract import Strategy


class Configs:
    def __init__(self, tx: AsyncConnection, principal: Principal, strategies: Mapping[str, Strategy]) -> None:
        self._tx = tx
        self._principal = principal
        self._strategies = strategies

    async def newest(self, account: AccountRecord) -> ConfigRecord:
        found = await configs.find_config(self._tx, account.id)
        if found is None:
            raise not_found()
        return found

    async def list(self, account: AccountRecord, after: Position | None, limit: int) -> list[ConfigRecord]:
        return await configs.list_configs(self._tx, account.id, after, limit)

    async def put(self, account: AccountRecord, wish: PutConfig, if_match: int | None) -> ConfigRecord:
        """Add a version. With `if_match`, only if nobody has added another since."""
        refuse_archived(account)
        params = self._checked(wish)
        version = account.config_version or 0
        if if_match is not None and if_match != version:
            raise ApiError(CHANGED, f"It is at version {version} now.")
        added = await configs.add_config(
            self._tx,
            new_id("cfg"),
            account.id,
            account.user_id,
            after_version=version,
            strategy=wish.strategy,
            params=params,
        )
        if added is None:
            raise ApiError(CHANGED, "Somebody else has just changed it; read it again.")
        detail = {"strategy": wish.strategy, "version": added.version}
        await write_audit(self._tx, self._principal.user_id, "config.put", account.id, detail)
        await notify(self._tx, FLEET_CHANNEL, account.id)
        return added

    def _checked(self, wish: PutConfig) -> dict[str, Any]:
        if wish.strategy not in self._strategies:
            raise invalid("/strategy", f"there is no such strategy; there are: {', '.join(sorted(self._strategies))}")
        try:
            params = parse_params(wish.strategy, wish.params, self._strategies)
        except ParamsRefused as refused:
            fields = [
                FieldError(
                    f"/params/{problem.field.replace('~', '~0').replace('/', '~1')}", f"allowed is {problem.allowed}"
                )
                for problem in refused.problems
            ]
            raise ApiError(INVALID, str(refused), errors=fields) from None
        plain: dict[str, Any] = msgspec.to_builtins(params, str_keys=True)
        return plain


def view(config: ConfigRecord) -> Config:
    return Config(version=config.version, strategy=config.strategy, params=config.params, created_at=config.created_at)
