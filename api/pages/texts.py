"""Every text that a page shows, in each language: English is the key, `ru.json` has the Russian for it."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec


class Language(StrEnum):
    ENGLISH = "en"
    RUSSIAN = "ru"


NAMES = {Language.ENGLISH: "English", Language.RUSSIAN: "Русский"}


def read_catalogue(language: Language) -> Mapping[str, str]:
    path = Path(__file__).with_name(f"{language}.json")
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str]) if path.exists() else {}


CATALOGUES = {language: read_catalogue(language) for language in Language}


class Texts:
    """Says a text in one language. What its catalogue lacks is said in English."""

    def __init__(self, language: Language) -> None:
        self._known = CATALOGUES[language]

    def __call__(self, text: str, /, **values: Any) -> str:
        said = self._known.get(text, text)
        return said.format(**values) if values else said
