"""Fault tests run a whole demo."""

from tests.demo_process import demo

__all__ = ["demo"]
