"""Settings: how the pages look, the password, the second factor, where one is signed in, personal tokens."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from api.identity.principal import Role, Scope
from api.identity.schemas import NewToken, RecoveryCodes, SecondFactorSecret
from api.identity.second_factors import SecondFactors
from api.identity.tokens import views
from api.pages.look import Colours, Theme
from api.pages.setup import Refused
from api.pages.texts import NAMES, Language
from api.pages.visit import Page, Visit
from security.passwords import PASSWORD_LENGTH_MIN
from storage.sessions import list_sessions

ZONES = sorted(available_timezones())


async def settings_page(
    visit: Visit,
    second_factors: SecondFactors,
    *,
    failed: Refused | None = None,
    token: NewToken | None = None,
    secret: SecondFactorSecret | None = None,
    codes: RecoveryCodes | None = None,
) -> Page:
    principal = visit.principal
    errors: Mapping[str, str] = failed.errors if failed else {}
    context: dict[str, Any] = {
        "languages": [(language, NAMES[language]) for language in Language],
        "themes": list(Theme),
        "colours": list(Colours),
        "zones": ZONES,
        "password_length": PASSWORD_LENGTH_MIN,
        "sessions": await list_sessions(visit.tx, principal.user_id),
        "tokens": await views(visit.tx, principal),
        "scopes": [scope for scope in Scope if scope is not Scope.ADMIN or principal.role is not Role.USER],
        "accounts": await visit.records(),
        "factor": await second_factors.describe(visit.tx, principal),
        "new_token": token,
        "new_secret": secret,
        "codes": codes,
        "errors": errors,
        "message": failed.message if failed else "",
        "typed": {},
    }
    return Page(name="settings", context=context)
