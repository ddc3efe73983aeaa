"""The pages: every link leads somewhere, every page can be reached, every name of ours that they use exists."""

import re
from pathlib import Path

import pytest

from tradefleet.cli import cli
from tradefleet.settings import PREFIX, Settings, variable
from trading.strategies import BUILT_IN

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def links(page: Path) -> list[str]:
    prose = CODE.sub("", page.read_text())
    return [link for link in LINK.findall(prose) if not link.startswith(("http://", "https://", "mailto:"))]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(page.read_text())}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_link_leads_to_something_that_is_there(page: Path) -> None:
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        waiting += [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]

    lost = {page for page in PAGES if page.name != "CHANGELOG.md"} - reached
    assert lost == set(), "link each from the README of its folder"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_setting_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", page.read_text()))

    assert named <= {variable(field) for field in Settings.model_fields}


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_command_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"^\s*tradefleet ([a-z]+)|`tradefleet ([a-z]+)", page.read_text(), re.MULTILINE))

    assert {first or second for first, second in named} <= set(cli.commands)


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_target_of_make_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"^\s*make ([a-z]+)|`make ([a-z]+)", page.read_text(), re.MULTILINE))

    assert {first or second for first, second in named} <= targets


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_file_of_ours_that_is_named_exists(page: Path) -> None:
    rooms = "|".join(sorted(path.parent.name for path in ROOT.glob("[!.]*/__init__.py")))
    named = set(re.findall(rf"`((?:{rooms}|deploy)/[\w/.-]+)`", page.read_text()))

    assert {name for name in named if not (ROOT / name).exists() and "secrets" not in name} == set()


def test_decisions_are_numbered_without_a_gap_and_listed() -> None:
    folder = ROOT / "docs/decisions"
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))

    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    assert links(folder / "README.md") == pages
    for name in pages:
        assert (folder / name).read_text().startswith(f"# {int(name[:4])}. ")


def test_the_architecture_tells_of_every_room() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = {path.parent.name for path in ROOT.glob("[!.]*/__init__.py")}

    assert {room for room in rooms if f"\n{room}/ " not in page} == set()


def test_every_strategy_is_listed() -> None:
    page = (ROOT / "docs/strategies/README.md").read_text()

    assert {name for name in BUILT_IN if not re.search(rf"^- \[?{name}\b", page, re.MULTILINE)} == set()
