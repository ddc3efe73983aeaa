"""For staff: the fleet at a glance, every account, users, and what people changed."""

from collections.abc import Sequence
from typing import Any

from api.accounts.service import view
from api.admin.service import Admin
from api.controls.service import view as controls_view
from api.errors import not_found
from api.pages.visit import Page, Visit
from storage.accounts import Filter
from storage.controls import list_controls
from storage.fleet import PLATFORM
from storage.overview import fleet_overview
from storage.users import emails_of

ACCOUNTS_SHOWN = 100
USERS_SHOWN = 100
LINES_SHOWN = 60
SECTIONS = ("accounts", "users", "audit")


async def admin_page(
    visit: Visit, admin: Admin, *, section: str = "accounts", text: str = "", state: str = "", before: int | None = None
) -> Page:
    if section not in SECTIONS:
        raise not_found()
    context: dict[str, Any] = {
        "section": section,
        "sections": SECTIONS,
        "text": text,
        "state": state,
        "overview": await fleet_overview(visit.tx, visit.now),
        "switch": controls_view(
            [one for one in await list_controls(visit.tx, visit.principal.user_id) if one.scope == PLATFORM],
            visit.principal.user_id,
        ),
        "receipt": None,
    }
    context |= await _section(visit, admin, section, text=text, state=state, before=before)
    query = f"page=admin&section={section}" + (f"&text={text}" if text else "") + (f"&status={state}" if state else "")
    fragments: Sequence[str] = ("admin/glance", "admin/accounts") if section == "accounts" else ("admin/glance",)
    return Page(name="admin", context=context, fragments=tuple(fragments), live=query)


async def _section(
    visit: Visit, admin: Admin, section: str, *, text: str, state: str, before: int | None
) -> dict[str, Any]:
    match section:
        case "users":
            return {"users": (await admin.list_users(None, USERS_SHOWN))[:USERS_SHOWN]}
        case "audit":
            lines = await admin.list_audit(before, LINES_SHOWN, text or None)
            people = await emails_of(visit.tx, {line.actor_id for line in lines if line.actor_id})
            older = lines[LINES_SHOWN - 1].id if len(lines) > LINES_SHOWN else None
            return {"lines": lines[:LINES_SHOWN], "people": people, "older": older}
    wanted = Filter(text=text.strip() or None, state=state or None)
    rows = await admin.list_accounts(wanted, None, ACCOUNTS_SHOWN)
    shown = rows[:ACCOUNTS_SHOWN]
    return {
        "rows": [view(row, visit.settings) for row in shown],
        "owners": {row.id: row.user_id for row in shown},
        "people": await emails_of(visit.tx, {row.user_id for row in shown}),
        "more": len(rows) > ACCOUNTS_SHOWN,
    }
