"""`/accounts/new`, `/accounts/{id}/keys`, `/accounts/{id}/strategy`."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.enums import RequestEncodingType
from litestar.params import BodyKwarg, FromPath, FromQuery
from litestar.response import Template

from api.configs.service import Configs
from api.credentials.service import Keys
from api.identity.guard import SESSION_ONLY
from api.pages.setup import (
    Refused,
    create_account,
    key_page,
    look_ahead,
    new_account_page,
    put_key,
    save_strategy,
    strategy_page,
)
from api.pages.visit import Page, Visit

Here = NamedDependency[Visit]
Typed = Annotated[dict[str, Any], BodyKwarg(media_type=RequestEncodingType.URL_ENCODED)]
UNPROCESSABLE = 422


class SetupPages(Controller):
    path = "/accounts"
    opt = SESSION_ONLY

    @get("/new")
    async def new(self, visit: Here) -> Template:
        return await visit.show(new_account_page(visit, {}))

    @post("/new", status_code=200)
    async def create(self, data: Typed, visit: Here) -> Response[str]:
        try:
            account = await create_account(visit, data)
        except Refused as failed:
            return await _again(visit, new_account_page(visit, data, failed))
        return _go(f"/accounts/{account.id}/keys")

    @get("/{account_id:str}/keys")
    async def key(self, account_id: FromPath[str], visit: Here) -> Template:
        return await visit.show(await key_page(visit, await visit.door.find(account_id)))

    @post("/{account_id:str}/keys", status_code=200)
    async def put_key(
        self, account_id: FromPath[str], data: Typed, visit: Here, keys: NamedDependency[Keys]
    ) -> Response[str]:
        account = await visit.door.find(account_id)
        try:
            await put_key(account, keys, data)
        except Refused as failed:
            return await _again(visit, await key_page(visit, account, failed))
        return _go(f"/accounts/{account.id}" + ("" if account.strategy else "/strategy"))

    @post("/{account_id:str}/keys/delete", status_code=200)
    async def delete_key(self, account_id: FromPath[str], visit: Here, keys: NamedDependency[Keys]) -> Response[str]:
        await keys.delete(await visit.door.find(account_id))
        return _go(f"/accounts/{account_id}/keys")

    @get("/{account_id:str}/strategy")
    async def strategy(
        self, account_id: FromPath[str], visit: Here, name: FromQuery[str | None] = None, mode: FromQuery[str] = ""
    ) -> Template:
        account = await visit.door.find(account_id)
        return await visit.show(await strategy_page(visit, account, name=name, mode=mode))

    @post("/{account_id:str}/strategy/{name:str}", status_code=200)
    async def save(
        self,
        account_id: FromPath[str],
        name: FromPath[str],
        data: Typed,
        visit: Here,
        configs: NamedDependency[Configs],
    ) -> Response[str]:
        account = await visit.door.find(account_id)
        try:
            await save_strategy(visit, account, configs, name, data)
        except Refused as failed:
            page = await strategy_page(visit, account, name=name, mode=data.get("_mode", ""), typed=data, failed=failed)
            return await _again(visit, page)
        return _go(f"/accounts/{account.id}")

    @post("/{account_id:str}/strategy/{name:str}/preview", status_code=200)
    async def preview(self, account_id: FromPath[str], name: FromPath[str], data: Typed, visit: Here) -> Template:
        """What would change and what it would do, from what stands in the form now."""
        account = await visit.door.find(account_id)
        context = {**await visit.bare(), **await look_ahead(visit, account, name, data)}
        return Template("setup/preview.html", context=context)


async def _again(visit: Visit, page: Page) -> Response[str]:
    """The form once more, with what was typed and what is wrong with it."""
    return Response(await visit.part(page, f"{page.name}_form"), status_code=UNPROCESSABLE, media_type="text/html")


def _go(path: str) -> Response[str]:
    return Response("", headers={"HX-Redirect": path}, media_type="text/html")
