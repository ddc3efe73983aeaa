"""One signed-in person looking at one page: what every page needs, read once, in the request's transaction."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar.response import Template
from sqlalchemy.ext.asyncio import AsyncConnection

from api.accounts.schemas import Account
from api.accounts.service import Accounts, view
from api.identity.principal import STAFF, Principal
from api.pages.look import Look
from api.pages.strip import Strip, read_strip
from api.settings import ApiSettings
from api.templating import ENVIRONMENT
from storage.accounts import AccountRecord, Filter
from trading.strategies.contract import Strategy

ACCOUNTS_MAX = 500


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a page shows. Each fragment is a template with one element whose id is the template's name; the page's
    stream sends those again that have changed."""

    name: str
    context: Mapping[str, Any]
    fragments: tuple[str, ...] = ()
    live: str = ""
    """The query that the page's stream is asked with; empty when it has none."""


class Visit:
    def __init__(
        self,
        tx: AsyncConnection,
        principal: Principal,
        settings: ApiSettings,
        strategies: Mapping[str, Strategy],
        look: Look,
    ) -> None:
        self.tx = tx
        self.principal = principal
        self.settings = settings
        self.strategies = strategies
        self.look = look
        self.now = datetime.now(UTC)
        self.door = Accounts(tx, principal, settings)
        self._records: list[AccountRecord] | None = None

    async def records(self) -> list[AccountRecord]:
        """The person's own accounts, by name."""
        if self._records is None:
            found = await self.door.list(Filter(), None, ACCOUNTS_MAX)
            self._records = sorted(found, key=lambda record: record.name.casefold())
        return self._records

    async def accounts(self) -> list[Account]:
        return [view(record, self.settings) for record in await self.records()]

    async def strip(self) -> Strip:
        return await read_strip(self.tx, self.principal.user_id, await self.records(), await self.accounts(), self.now)

    async def context(self, page: Page) -> dict[str, Any]:
        return {
            **shell(self.look),
            "principal": self.principal,
            "is_staff": self.principal.role in STAFF,
            "now": self.now,
            "page": page,
            "strip": await self.strip(),
            **page.context,
        }

    async def show(self, page: Page, *, status_code: int = 200) -> Template:
        return Template(f"{page.name}.html", context=await self.context(page), status_code=status_code)

    async def bare(self) -> dict[str, Any]:
        """For a part that stands on its own."""
        context = {**shell(self.look), "principal": self.principal, "now": self.now}
        return {**context, "parts": ENVIRONMENT.get_template("parts.html").make_module(context)}

    async def part(self, page: Page, name: str) -> str:
        """One part of a page, by the name of its template."""
        context = {**await self.bare(), **page.context}
        return ENVIRONMENT.get_template(f"{name}.html").render(context)

    async def fragments(self, page: Page) -> dict[str, str]:
        """The parts of a page that change, by the id of their element."""
        context = await self.context(page)
        context["parts"] = ENVIRONMENT.get_template("parts.html").make_module(context)
        return {
            name.rpartition("/")[2]: ENVIRONMENT.get_template(f"{name}.html").render(context)
            for name in ("strip", *page.fragments)
        }

    async def partials(self, page: Page) -> str:
        """The same, as htmx takes them."""
        return as_partials(await self.fragments(page))


def as_partials(fragments: Mapping[str, str]) -> str:
    return "".join(
        f'<hx-partial hx-target="#{name}" hx-swap="outerMorph">{html}</hx-partial>' for name, html in fragments.items()
    )


def shell(look: Look) -> dict[str, Any]:
    return {"look": look, "_": look.texts}
