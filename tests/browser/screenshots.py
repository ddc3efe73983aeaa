"""Makes docs/screenshots: `make screenshots`. Small pictures of every page, with the story of the browser tests."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from playwright.sync_api import Browser, sync_playwright

from storage.local import LocalDatabase
from tests.browser.conftest import ADA, CHROMIUM, FLAGS, PHONE, ROOT, WIDE, Running, Visitor
from tests.conftest import Server

FOLDER = Path(__file__).parents[2] / "docs/screenshots"
# Name, path, whether dark, and the screen.
PICTURES = (
    ("home", "/", False, WIDE),
    ("home-dark", "/", True, WIDE),
    ("account", "/accounts/{Harbour}", False, WIDE),
    ("account-dark", "/accounts/{Harbour}", True, WIDE),
    ("strategy", "/accounts/{Harbour}/strategy", False, WIDE),
    ("history", "/history?account={Harbour}", False, WIDE),
    ("performance", "/performance", False, WIDE),
    ("settings", "/settings", False, WIDE),
    ("home-phone", "/", True, PHONE),
    ("account-phone", "/accounts/{Harbour}", False, PHONE),
)
OF_STAFF = (("admin", "/admin", False, WIDE), ("audit", "/admin?section=audit", True, WIDE))
SIGN_IN = ("sign-in", "/login", False, WIDE)


@contextmanager
def running(cache: Path) -> Iterator[Running]:
    with LocalDatabase(None, cache=cache) as local:
        server = Server(local.url)
        try:
            with server.database() as url:
                found = Running(url)
                try:
                    yield found
                finally:
                    found.close()
        finally:
            server.close()


def take(browser: Browser, at: Running, email: str, picture: tuple[str, str, bool, tuple[int, int]]) -> None:
    name, path, dark, (width, height) = picture
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    one = Visitor(context.new_page(), at)
    if email:
        one.sign_in(email)
    page = one.go(path.format(**at.accounts))
    page.wait_for_timeout(1200)  # until the charts are drawn; they do not say when
    page.screenshot(path=FOLDER / f"{name}.png")
    context.close()


def main(cache: Path) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    logging.disable(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with running(cache) as at, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        take(browser, at, "", SIGN_IN)
        for picture in PICTURES:
            take(browser, at, ADA, picture)
        for picture in OF_STAFF:
            take(browser, at, ROOT, picture)
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path.home() / ".cache/tradefleet")
