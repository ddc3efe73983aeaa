"""The preflight: one line a step, with a tick or a cross and how long it took."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


class Step:
    """One thing that is being made ready. `say` replaces what its line will tell."""

    def __init__(self) -> None:
        self.told = ""

    def say(self, text: str) -> None:
        self.told = text


class Steps:
    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Time a step and print its line. An error prints a cross and goes on its way."""
        started = time.monotonic()
        step = Step()
        try:
            yield step
        except BaseException:
            self._line("✗", "red", name, step.told, started)
            raise
        self._line("✓", "green", name, step.told, started)

    def _line(self, mark: str, colour: str, name: str, told: str, started: float) -> None:
        took_s = time.monotonic() - started
        self._console.print(
            Text.assemble(" ", (mark, colour), f" {name:<12} {told:<58}", (f"{took_s:>6.1f} s", "dim")), soft_wrap=True
        )
