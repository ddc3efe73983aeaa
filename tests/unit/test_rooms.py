"""What import-linter cannot see of the rooms: clocks and chance reached through a name, and rooms left off a list."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE_FILES = sorted(path for room in ("trading", "supervisor") for path in (ROOT / room).rglob("*.py"))

CLOCKS = {"now", "utcnow", "today"}
# `hash` of a string differs from process to process, so nothing that is decided may rest on it.
IMPURE_CALLS = {"open", "print", "input", "hash", "eval", "exec", "__import__"}
IMPURE_MODULES = {"time", "random", "os", "secrets", "uuid", "socket", "asyncio", "threading"}


def impurities(source: str) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in IMPURE_MODULES:
                found.append(f"line {node.lineno}: {owner}.{name}")
            case ast.Attribute(
                value=ast.Name(id="datetime" | "date") | ast.Attribute(attr="datetime" | "date"), attr=name
            ) if name in CLOCKS:
                found.append(f"line {node.lineno}: {ast.unparse(node)}")
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                found.append(f"line {node.lineno}: {name}()")
            case ast.Import(names=names) if modules := {n.name.split(".")[0] for n in names} & IMPURE_MODULES:
                found.append(f"line {node.lineno}: import {', '.join(sorted(modules))}")
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in IMPURE_MODULES:
                found.append(f"line {node.lineno}: from {module} import …")
    return found


@pytest.mark.parametrize(
    "source",
    [
        "datetime.now(UTC)",
        "dt.datetime.utcnow()",
        "time.time()",
        "import random",
        "from random import choice",
        "random.choice(xs)",
        "os.environ['X']",
        "def f(clock=datetime.now): ...",
        "open('x')",
        "hash(symbol)",
    ],
)
def test_each_impurity_is_seen(source: str) -> None:
    assert impurities(source)


@pytest.mark.parametrize("source", ["now - quote.at", "decide(state, event, now)", "view.now", "moment.time()"])
def test_time_as_an_argument_is_none(source: str) -> None:
    assert impurities(source) == []


@pytest.mark.parametrize("path", PURE_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_room_reads_no_clock_no_chance_and_no_environment(path: Path) -> None:
    assert impurities(path.read_text()) == []


def test_every_room_is_packaged_typed_and_watched_over() -> None:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    rooms = {path.parent.name for path in ROOT.glob("[!.]*/__init__.py")} - {"tests", "bench"}

    assert rooms <= set(pyproject["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert rooms <= set(pyproject["mypy"]["packages"])
    assert rooms - {"migrations"} == set(pyproject["importlinter"]["root_packages"])
