"""Every text of a page is in the catalogue of every language, and says the same with the same blanks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import nodes

from api.accounts.commands import Wish
from api.pages.look import Colours, Theme
from api.pages.texts import CATALOGUES, Language, Texts
from api.templating import ENVIRONMENT
from trading.accounts import AccountState
from trading.strategies import BUILT_IN

API = Path(__file__).parents[3] / "api"
BLANK = re.compile(r"\{(\w+)\}")
NAMES = {"_", "text", "texts"}


def said_in_templates() -> Iterator[str]:
    for path in (API / "templates").rglob("*.html"):
        for call in ENVIRONMENT.parse(path.read_text()).find_all(nodes.Call):
            named = isinstance(call.node, nodes.Name) and call.node.name == "_"
            if named and call.args and isinstance(call.args[0], nodes.Const):
                yield call.args[0].value


def said_in_code() -> Iterator[str]:
    for path in (API / "pages").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id="_") | ast.Attribute(attr="texts"), args=[said, *_]):
                    branches = [said.body, said.orelse] if isinstance(said, ast.IfExp) else [said]
                    yield from (
                        one.value for one in branches if isinstance(one, ast.Constant) and isinstance(one.value, str)
                    )
                case ast.keyword(arg="text", value=ast.Constant(value=str(said))) if said:
                    yield said


def said_of_the_fleet() -> Iterator[str]:
    yield from AccountState
    yield from Wish
    yield from Theme
    yield from Colours
    yield from (strategy.about for strategy in BUILT_IN.values())


ALL = sorted({*said_in_templates(), *said_in_code(), *said_of_the_fleet()})


@pytest.mark.parametrize("language", [one for one in Language if one is not Language.ENGLISH])
def test_every_text_is_in_the_catalogue(language: Language) -> None:
    assert len(ALL) > 300
    assert [text for text in ALL if text not in CATALOGUES[language]] == []


@pytest.mark.parametrize("language", list(Language))
def test_a_translation_has_the_blanks_of_its_original(language: Language) -> None:
    for text, said in CATALOGUES[language].items():
        assert set(BLANK.findall(text)) == set(BLANK.findall(said)), text


def test_what_the_catalogue_lacks_is_said_in_english() -> None:
    say = Texts(Language.RUSSIAN)
    assert say("no such text {n}", n=3) == "no such text 3"
    assert say("Stop {name}?", name="{n}") == "Остановить {n}?"
