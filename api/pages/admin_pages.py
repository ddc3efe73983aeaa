"""`/admin`: looking is for staff, changing for administrators, each for a reason that stands in the audit log."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, FromPath, FromQuery
from litestar.response import Template

from api.accounts.commands import Command
from api.admin.schemas import Reason
from api.admin.service import Admin
from api.errors import ApiError, invalid
from api.identity.guard import FOR_ADMINS, FOR_STAFF, SESSION_ONLY
from api.pages.admin import admin_page
from api.pages.visit import Visit
from trading.events import Control

Here = NamedDependency[Visit]
Desk = NamedDependency[Admin]
Typed = Annotated[dict[str, Any], BodyKwarg(media_type=RequestEncodingType.URL_ENCODED)]


STAFF_ONLY: dict[str, Any] = {**SESSION_ONLY, **FOR_STAFF}
ADMINS_ONLY: dict[str, Any] = {**SESSION_ONLY, **FOR_ADMINS}


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each of several."""

    account: str
    done: bool
    why: str = ""


class AdminPages(Controller):
    path = "/admin"
    opt: dict[str, Any] = STAFF_ONLY

    @get("/")
    async def show(
        self,
        *,
        visit: Here,
        admin: Desk,
        section: FromQuery[str] = "accounts",
        text: FromQuery[str] = "",
        status: FromQuery[str] = "",
        before: FromQuery[int | None] = None,
    ) -> Template:
        return await visit.show(await admin_page(visit, admin, section=section, text=text, state=status, before=before))

    @post("/accounts/{command:str}", status_code=200, opt=ADMINS_ONLY)
    async def command(self, command: FromPath[Command], data: Typed, visit: Here, admin: Desk) -> Response[str]:
        """Tell several accounts the same. Each for itself: what one refuses does not keep the others from it."""
        reason = reason_of(data)
        chosen = data.get("account", [])
        receipt = []
        for account in [chosen] if isinstance(chosen, str) else chosen:
            try:
                found = await admin.command(account, command, reason)
                receipt.append(Receipt(account=found.name, done=True))
            except ApiError as error:
                receipt.append(Receipt(account=account, done=False, why=error.detail))
        page = await admin_page(visit, admin)
        page = msgspec.structs.replace(page, context={**page.context, "receipt": receipt})
        return Response(await visit.partials(page), media_type="text/html")

    @post("/switch", status_code=200, opt=ADMINS_ONLY)
    async def switch(self, data: Typed, visit: Here, admin: Desk) -> Response[str]:
        """The switch over everything, everybody's."""
        state = next((one for one in Control if one == data.get("state")), None)
        if state is None:
            raise invalid("/state", "active, reduce_only or halted")
        await admin.turn_platform(state, reason_of(data))
        return Response(await visit.partials(await admin_page(visit, admin)), media_type="text/html")

    @post("/users/{user_id:str}/{act:str}", status_code=200, opt=ADMINS_ONLY)
    async def user(self, user_id: FromPath[str], act: FromPath[str], data: Typed, admin: Desk) -> Response[str]:
        reason = reason_of(data)
        await (admin.enable(user_id, reason) if act == "enable" else admin.disable(user_id, reason))
        return Response("", headers={"HX-Refresh": "true"}, media_type="text/html")


def reason_of(data: dict[str, Any]) -> str:
    try:
        return msgspec.convert({"reason": str(data.get("reason", "")).strip()}, Reason).reason
    except msgspec.ValidationError:
        raise invalid("/reason", "Say why, in three characters at least: it stands in the audit log.") from None
