"""Pages are templates. Everything put into one is escaped; what is missing is an error and not an empty place."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig

from api.pages.assets import find_assets
from api.pages.look import PLAIN, grouped, signed
from trading.money import plain

ROOM = Path(__file__).parent


def as_amount(value: Decimal) -> str:
    return plain(value)


def as_time(value: datetime) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


ENVIRONMENT = Environment(
    loader=FileSystemLoader(ROOM / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters["amount"] = as_amount
ENVIRONMENT.filters["time"] = as_time
ENVIRONMENT.filters["grouped"] = grouped
ENVIRONMENT.filters["signed"] = signed
# What a page for strangers is shown with; a visit brings its own.
ENVIRONMENT.globals |= {
    "look": PLAIN,
    "_": PLAIN.texts,
    "assets": find_assets(),
    "principal": None,
    "strip": None,
    "page": None,
}


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(ENVIRONMENT))
