"""The pictures of the strategies' pages are what the strategies do."""

from xml.etree import ElementTree as ET

import pytest

from tests.integration.trading.chart import draw
from tests.integration.trading.pictures import FOLDER, picture
from tests.integration.trading.runs import RUNS

pytestmark = pytest.mark.slow

SIZE_MAX = 40_000


@pytest.mark.parametrize("name", RUNS)
def test_a_picture_drawn_again_is_the_same_to_the_byte(name: str) -> None:
    drawn = draw(picture(name, RUNS[name]))
    assert (FOLDER / f"{name}.svg").read_text() == drawn, "the strategy trades differently now: run `make pictures`"


@pytest.mark.parametrize("name", RUNS)
def test_a_picture_is_light_well_formed_and_says_in_words_what_it_shows(name: str) -> None:
    path = FOLDER / f"{name}.svg"
    assert path.stat().st_size < SIZE_MAX
    root = ET.fromstring(path.read_text())
    title, about = (root.findtext(f"{{http://www.w3.org/2000/svg}}{tag}") for tag in ("title", "desc"))
    assert title == f"{name} on the paper exchange: 6 hours, seed {RUNS[name].seed}"
    assert about is not None
    assert "orders bought" in about


def test_every_picture_is_on_a_page_and_every_strategy_has_one() -> None:
    pages = "".join(page.read_text() for page in FOLDER.parent.glob("*.md"))
    assert {path.stem for path in FOLDER.iterdir()} == set(RUNS)
    for name in RUNS:
        assert f"](pictures/{name}.svg)" in pages
