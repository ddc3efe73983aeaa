"""What the bundler left in `api/static`, found by its manifest. Without it the pages work, and look plain."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import structlog
from litestar import Router
from litestar.config.compression import CompressionConfig
from litestar.datastructures import CacheControlHeader
from litestar.middleware import DefineMiddleware
from litestar.middleware.compression import CompressionMiddleware
from litestar.static_files import create_static_files_router

from api.identity.guard import OPEN

STATIC = Path(__file__).parents[1] / "static"
ENTRY = "app.js"
# The names carry a hash of what is in them: a changed file has another name.
FOR_GOOD = CacheControlHeader(max_age=31_536_000, immutable=True, public=True)

log = structlog.get_logger("api.pages")


class Assets(msgspec.Struct, frozen=True, kw_only=True):
    scripts: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()

    @property
    def built(self) -> bool:
        return bool(self.scripts)


def find_assets(folder: Path = STATIC) -> Assets:
    """Says in the log, once, when there is nothing: how to get it is a matter for the operator."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        log.warning("the pages have no styles and no scripts: run `make pages`, which needs Node or fetches it")
        return Assets()
    entry: dict[str, Any] = msgspec.json.decode(manifest.read_bytes())[ENTRY]
    return Assets(
        scripts=(f"/static/{entry['file']}",), styles=tuple(f"/static/{name}" for name in entry.get("css", ()))
    )


def static_files() -> Sequence[Router]:
    if not STATIC.is_dir():
        return ()
    return (
        create_static_files_router(
            path="/static",
            directories=[STATIC],
            cache_control=FOR_GOOD,
            # Only what is the same for everybody is compressed: a page that holds a secret must not tell its length.
            middleware=[DefineMiddleware(CompressionMiddleware, config=CompressionConfig(backend="gzip"))],
            opt={**OPEN, "exclude_from_auth": True},
        ),
    )
