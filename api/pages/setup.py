"""Making an account, its exchange key, its strategy: three forms, each of which keeps what was typed."""

from collections.abc import Mapping
from typing import Any

from api.accounts.schemas import CrashContract, CreateAccount, Isolation
from api.accounts.service import view
from api.configs.schemas import PutConfig
from api.configs.service import Configs
from api.credentials.schemas import PutCredentials
from api.credentials.service import Keys
from api.errors import ApiError, FieldError, not_found
from api.pages.fields import Form, errors_by_field, make_form, read_params
from api.pages.preview import Preview, preview
from api.pages.visit import Page, Visit
from storage.accounts import AccountRecord
from storage.configs import list_configs
from storage.credentials import describe
from trading.params import ParamsRefused, parse
from trading.strategies import params_schema

VERSIONS_SHOWN = 10


class Refused(Exception):
    """A form with something wrong in it: by field, and as a whole."""

    def __init__(self, errors: Mapping[str, str], message: str = "") -> None:
        super().__init__(message)
        self.errors = errors
        self.message = message


def refused(error: ApiError | ParamsRefused) -> Refused:
    if isinstance(error, ParamsRefused):
        fields = [FieldError(f"/{problem.field}", f"allowed is {problem.allowed}") for problem in error.problems]
        return Refused(errors_by_field({field.pointer: field.detail for field in fields}))
    by_field = errors_by_field({field.pointer: field.detail for field in error.errors})
    return Refused(by_field, "" if by_field else error.detail)


def new_account_page(visit: Visit, typed: Mapping[str, str], failed: Refused | None = None) -> Page:
    venues = visit.settings.venues
    return Page(
        name="setup/account",
        context={
            "venues": venues,
            "modes": sorted({mode for venue in venues for mode in venue.modes}),
            "isolations": list(Isolation),
            "contracts": list(CrashContract),
            "typed": typed,
            "errors": failed.errors if failed else {},
            "message": failed.message if failed else "",
        },
    )


async def create_account(visit: Visit, typed: Mapping[str, str]) -> AccountRecord:
    try:
        wish = parse(CreateAccount, {name: text.strip() for name, text in typed.items() if text.strip()})
        return await visit.door.create(wish)
    except (ApiError, ParamsRefused) as error:
        raise refused(error) from None


async def key_page(visit: Visit, account: AccountRecord, failed: Refused | None = None) -> Page:
    return Page(
        name="setup/key",
        context={
            "account": view(account, visit.settings),
            "key": await describe(visit.tx, account.id),
            "errors": failed.errors if failed else {},
            "message": failed.message if failed else "",
        },
    )


async def put_key(account: AccountRecord, keys: Keys, typed: Mapping[str, str]) -> None:
    try:
        given = {name: typed.get(name, "").strip() for name in ("key", "secret")}
        await keys.put(account, parse(PutCredentials, given))
    except ParamsRefused as error:
        # What is wrong is said without what was typed: it is a secret.
        raise refused(error) from None
    except ApiError as error:
        raise refused(error) from None


async def strategy_page(
    visit: Visit,
    account: AccountRecord,
    *,
    name: str | None = None,
    mode: str = "",
    typed: Mapping[str, str] | None = None,
    failed: Refused | None = None,
) -> Page:
    """The form of one strategy; without a name, of the one that the account has."""
    versions = await list_configs(visit.tx, account.id, None, VERSIONS_SHOWN)
    newest = versions[0] if versions else None
    chosen = name or (newest.strategy if newest else next(iter(sorted(visit.strategies))))
    if chosen not in visit.strategies:
        raise not_found()
    saved = newest.params if newest is not None and newest.strategy == chosen else {}
    form = strategy_form(visit, chosen, saved if typed is None else typed, failed, mode)
    seen: Preview | None = None
    if typed is None and newest is not None and newest.strategy == chosen and not mode:
        seen = await _preview_of(visit, account, chosen, saved)
    return Page(
        name="setup/strategy",
        context={
            "account": view(account, visit.settings),
            "strategies": [visit.strategies[one] for one in sorted(visit.strategies)],
            "chosen": visit.strategies[chosen],
            "form": form,
            "version": account.config_version or 0,
            "versions": versions[:VERSIONS_SHOWN],
            "preview": seen,
            "message": failed.message if failed else "",
            "changes": [],
            "wrong": False,
        },
    )


async def _preview_of(visit: Visit, account: AccountRecord, strategy: str, params: Mapping[str, Any]) -> Preview | None:
    try:
        return await preview(visit, account, strategy, params)
    except ParamsRefused:
        return None  # saved by an older version, whose params no longer fit: the form says so when it is saved


def strategy_form(
    visit: Visit, name: str, values: Mapping[str, Any], failed: Refused | None = None, mode: str = ""
) -> Form:
    schema = params_schema(visit.strategies[name])
    return make_form(schema, values, failed.errors if failed else {}, mode or values.get("_mode", ""))


def typed_params(visit: Visit, name: str, typed: Mapping[str, str]) -> dict[str, Any]:
    if name not in visit.strategies:
        raise not_found()
    return read_params(strategy_form(visit, name, typed, mode=typed.get("_mode", "")), typed)


async def save_strategy(
    visit: Visit, account: AccountRecord, configs: Configs, name: str, typed: Mapping[str, str]
) -> None:
    version = typed.get("_version", "")
    try:
        wish = PutConfig(strategy=name, params=typed_params(visit, name, typed))
        await configs.put(account, wish, int(version) if version.isdecimal() else None)
    except ApiError as error:
        raise refused(error) from None


async def look_ahead(visit: Visit, account: AccountRecord, name: str, typed: Mapping[str, str]) -> dict[str, Any]:
    """What would change, and what the strategy would do right now: shown before anything is saved."""
    params = typed_params(visit, name, typed)
    versions = await list_configs(visit.tx, account.id, None, 1)
    before = versions[0].params if versions and versions[0].strategy == name else {}
    seen: Preview | None = None
    wrong: Mapping[str, str] = {}
    try:
        seen = await preview(visit, account, name, params)
    except ParamsRefused as error:
        wrong = refused(error).errors
    changes = [
        (field, before.get(field), value)
        for field, value in params.items()
        if before and str(before.get(field)) != str(value)
    ]
    return {"preview": seen, "wrong": wrong, "changes": changes, "account": view(account, visit.settings)}
