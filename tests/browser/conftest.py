"""Real Chromium on the real application, with the story in its database. One browser a run, a clean profile a test."""

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from api.app import create_app
from api.identity.service import create_user
from api.pages.assets import STATIC
from security.envelope import KeyRing
from security.passwords import Passwords
from storage.database import Database, Role
from storage.notifications import EVENTS, listen
from tests.browser.story import tell
from tests.conftest import Server
from tests.integration.api.site import CHEAP, PASSWORD, SETTINGS

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, PHONE = (1280, 800), (375, 667)
ADA, ROOT = "ada@example.com", "root@example.com"
Answer = TypeVar("Answer")


class Running:
    """The application in a thread of its own: Playwright's calls block this one."""

    def __init__(self, database_url: str) -> None:
        self.accounts: dict[str, str] = {}
        self.ada = ""
        self._url = database_url
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.api, self.owner = Database(database_url, Role.API), Database(database_url, Role.OWNER)
        self._server = self.run(self._start())
        self._serving = asyncio.run_coroutine_threadsafe(self._server.serve([self._listening]), self._loop)

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _start(self) -> uvicorn.Server:
        passwords = Passwords(CHEAP)
        ada = await create_user(self.api, passwords, ADA, PASSWORD)
        await create_user(self.owner, passwords, ROOT, PASSWORD, role="admin")
        assert ada is not None
        self.ada = ada
        self.accounts = await tell(self.owner, ada)
        hear = partial(listen, self._url, EVENTS)
        app = create_app(SETTINGS, self.api, KeyRing.generate("test"), passwords=passwords, hear=hear)
        return uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=1))

    def close(self) -> None:
        self._server.should_exit = True
        self._serving.result(timeout=30)
        for database in (self.api, self.owner):
            self.run(database.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="session")
def running(database_server: Server) -> Iterator[Running]:
    if not (STATIC / "manifest.json").exists():
        pytest.fail("the pages are not bundled: make pages")
    with database_server.database() as url, closing(Running(url)) as running:
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Playwright keeps an event loop running in this thread, so it must end before the asynchronous tests come."""
    if not CHROMIUM.exists():
        message = "there is no /usr/bin/chromium: apt-get install chromium"
        pytest.fail(message) if "CI" in os.environ else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Visitor:
    """A page in a clean profile, and all that went wrong in it."""

    def __init__(self, page: Page, running: Running) -> None:
        self.page = page
        self.running = running
        self.console: list[str] = []
        self.elsewhere: list[str] = []
        # A form with something wrong in it is answered with this; Chromium writes every such answer down.
        self.expected = {"status of 422"}
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.on("request", lambda request: self._look(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and not any(one in text for one in self.expected):
            self.console.append(text)

    def _look(self, url: str) -> None:
        if not url.startswith((self.running.url, "data:", "blob:")):
            self.elsewhere.append(url)

    def go(self, path: str) -> Page:
        self.page.goto(self.running.url + path)
        return self.page

    def sign_in(self, email: str = ADA) -> Page:
        page = self.go("/login")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("main form button").click()
        page.wait_for_url(self.running.url + "/")
        return page


NewVisitor = Callable[..., Visitor]


@pytest.fixture
def visitor(chromium: Browser, running: Running) -> Iterator[NewVisitor]:
    """Makes visitors; at the end none of them may have seen an error or spoken to another host."""
    visitors: list[Visitor] = []

    def make(size: tuple[int, int] = WIDE, *, dark: bool = False, language: str = "en-US") -> Visitor:
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale=language,
            reduced_motion="reduce",
        )
        context.set_default_timeout(15_000)
        visitors.append(Visitor(context.new_page(), running))
        return visitors[-1]

    yield make
    for one in visitors:
        one.page.context.close()
    assert [error for one in visitors for error in one.console] == []
    assert [url for one in visitors for url in one.elsewhere] == []


@pytest.fixture
def ada(visitor: NewVisitor) -> Visitor:
    found = visitor()
    found.sign_in()
    return found
