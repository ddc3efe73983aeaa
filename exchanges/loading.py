"""Load one ccxt exchange, and not the hundred others.

Importing the package `ccxt` runs an `__init__` that imports every exchange there is, and `async_support` and `pro` do
so again: seconds, and a hundred megabytes. The modules of one exchange need no more of those packages than a few
names and their own relatives, so before the first import we lay light packages of the same names in their place. A
process that has already imported the whole of ccxt keeps it.
"""

import importlib
import importlib.util
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from exchanges.errors import UnsupportedVenue


class _LightPackage(ModuleType):
    """A package that imports a member when it is asked for, and gives a module's one class in the module's place."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            module = importlib.import_module(f"{self.__name__}.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(str(error)) from error
        return getattr(module, name, module)

    def __setattr__(self, name: str, value: Any) -> None:
        # An import ends by setting the submodule on its package; ccxt's own packages put the exchange's class there.
        super().__setattr__(name, getattr(value, name, value) if isinstance(value, ModuleType) else value)


def load_exchange(ccxt_id: str) -> type[Any]:
    """The class of one exchange: REST, and streams where ccxt has them."""
    _lay_out_packages()
    for package in ("ccxt.pro", "ccxt.async_support"):
        spec = importlib.util.find_spec(f"{package}.{ccxt_id}") if ccxt_id.isidentifier() else None
        if spec is not None and spec.submodule_search_locations is None:
            break
    else:
        raise UnsupportedVenue("", f"ccxt knows no exchange {ccxt_id!r}; its ids are lower-case, such as 'binance'")
    try:
        module = importlib.import_module(f"{package}.{ccxt_id}")
    except Exception as error:
        raise UnsupportedVenue("", f"ccxt's {ccxt_id!r} does not load by itself: {error}") from error
    # At DEBUG ccxt logs whole requests, with the signatures and keys in them.
    logging.getLogger("ccxt.base.exchange").setLevel(logging.INFO)
    exchange: type[Any] = getattr(module, ccxt_id)
    return exchange


def _lay_out_packages() -> None:
    if "ccxt" in sys.modules:
        return
    found = importlib.util.find_spec("ccxt")
    if found is None or found.origin is None:
        raise UnsupportedVenue("", "ccxt is not installed; set up the project's environment again")
    root = Path(found.origin).parent
    for name in ("ccxt", "ccxt.async_support", "ccxt.pro"):
        package = _LightPackage(name)
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package
    top = sys.modules["ccxt"]
    for part in ("ccxt.base.errors", "ccxt.base.decimal_to_precision"):
        names = vars(importlib.import_module(part))
        vars(top).update({name: value for name, value in names.items() if not name.startswith("_")})
    vars(top)["Exchange"] = importlib.import_module("ccxt.base.exchange").Exchange
