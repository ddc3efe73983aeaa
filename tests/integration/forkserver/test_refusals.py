"""A fork server that would hand down something broken refuses, and says what was wrong."""

import os
import sys
from pathlib import Path

import pytest

from forkserver import forked_workers

pytestmark = pytest.mark.slow

MODULES = {
    "a_thread": "import threading, time; threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "a_file": "import tempfile; kept = tempfile.TemporaryFile()",
    "an_error": "raise LookupError('the moon is down')",
    "an_exit": "raise SystemExit(3)",
    "a_crash": "import os; os.kill(os.getpid(), 11)",
    "a_variable": "import os; os.environ['ADDED'] = 'by an import'",
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in MODULES.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("module", "reason"),
    [
        ("a_thread", "importing a_thread has left the fork server with 2 threads, and only one survives a fork"),
        ("a_file", "importing a_file has left /tmp/"),
        ("an_error", "LookupError: the moon is down"),
        ("an_exit", "the fork server ended before it forked a worker"),
        ("a_crash", "the fork server ended before it forked a worker"),
        ("no_module_of_this_name", "ModuleNotFoundError: No module named 'no_module_of_this_name'"),
    ],
)
def test_an_import_that_does_not_fork_well(module: str, reason: str) -> None:
    lines: list[str] = []
    python = sys.executable

    with forked_workers(preload=["json", module], log=lines.append) as forked:
        assert sys.executable == python

    assert not forked
    assert len(lines) == 1
    assert reason in lines[0]


def test_python_is_back_in_its_place_after_the_block() -> None:
    python, environment = sys.executable, dict(os.environ)

    with forked_workers() as forked:
        assert forked
        assert Path(sys.executable).name == "python"
        assert sys.executable != python

    assert sys.executable == python
    assert dict(os.environ) == environment
