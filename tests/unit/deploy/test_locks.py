"""The lock files: complete, hashed, and saying the same."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[3]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN, DEV = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"


def pins(lock: Path) -> dict[str, list[Requirement]]:
    """By name: one for all systems and Pythons, or one for each kind."""
    found: dict[str, list[Requirement]] = {}
    for line in re.findall(r"^([a-z].*?) \\$", lock.read_text(), re.MULTILINE | re.IGNORECASE):
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def asked(*groups: str) -> list[Requirement]:
    texts = list(PYPROJECT["project"]["dependencies"]) + PYPROJECT["build-system"]["requires"]
    for group in groups:
        texts += [text for text in PYPROJECT["dependency-groups"][group] if isinstance(text, str)]
    return [Requirement(text) for text in texts]


@pytest.mark.parametrize(("lock", "wanted"), [(RUN, asked("build")), (DEV, asked("build", "dev"))], ids=["run", "dev"])
def test_what_is_asked_for_is_pinned_at_a_version_that_fits(lock: Path, wanted: list[Requirement]) -> None:
    pinned = pins(lock)
    for requirement in wanted:
        for pin in pinned[canonicalize_name(requirement.name)]:
            (version,) = pin.specifier
            assert requirement.specifier.contains(version.version, prereleases=True), f"make lock ({requirement})"


def test_the_tests_run_on_what_the_product_runs_on() -> None:
    """A pin may serve more systems there, for the tests' sake; its version is the same."""
    dev = {name: {str(pin.specifier) for pin in group} for name, group in pins(DEV).items()}

    for name, group in pins(RUN).items():
        assert {str(pin.specifier) for pin in group} == dev[name]


@pytest.mark.parametrize("lock", [RUN, DEV], ids=["run", "dev"])
def test_every_pin_has_a_hash_and_no_lock_names_an_address(lock: Path) -> None:
    text = lock.read_text()
    entries = re.split(r"^(?=[a-z])", text, flags=re.MULTILINE | re.IGNORECASE)[1:]

    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in text
