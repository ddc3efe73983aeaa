"""Ray started so that its workers are forked."""

import atexit
import logging
import multiprocessing.spawn  # noqa: F401 - keeps the `sys.executable` that it is first imported with: better the real one
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from forkserver.check import STAND_IN, Unfit, check_fork, check_machine

_log = logging.getLogger(__name__)


@contextmanager
def forked_workers(*, preload: Sequence[str] = (), log: Callable[[str], None] = _log.warning) -> Iterator[bool]:
    """Have the Ray that `ray.init` starts in the block fork its workers as long as it runs, from a process that has
    imported ray and the modules of `preload`.

    Gives whether it will. All of it is tried first, which takes as long as these imports do; where it does not work,
    `log` gets one line that says why, and Ray starts workers as ever. So does each that cannot be forked later on.
    """
    with stand_in(preload=preload, log=log) as folder:
        if folder is not None:
            atexit.register(shutil.rmtree, folder, ignore_errors=True)  # this process's Ray ends with it
        yield folder is not None


@contextmanager
def stand_in(*, preload: Sequence[str], log: Callable[[str], None]) -> Iterator[Path | None]:
    """The same for a Ray that may outlive this process: the folder given is its fork server's to remove."""
    folder = Path(tempfile.mkdtemp(prefix="forkserver-"))  # which nobody else may look into
    settings = {
        "FORKSERVER_PYTHON": sys.executable,
        "FORKSERVER_FOLDER": str(folder),
        "FORKSERVER_PRELOAD": " ".join(preload),
    }
    if _works(folder, settings, log):
        with _in_pythons_place(settings):
            yield folder
    else:
        yield None


def _works(folder: Path, settings: dict[str, str], log: Callable[[str], None]) -> bool:
    try:
        check_machine()
        check_fork(folder / "check", os.environ | settings)
    except (Unfit, OSError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        log(f"Ray's workers are started plain, not forked: {error}")
        return False
    return True


@contextmanager
def _in_pythons_place(settings: dict[str, str]) -> Iterator[None]:
    python, sys.executable = sys.executable, str(STAND_IN)
    os.environ.update(settings)
    try:
        yield
    finally:
        sys.executable = python
        for name in settings:
            del os.environ[name]
