"""Pages are templates. Everything put into one is escaped; what is missing is an error and not an empty place."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig

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


def template_config() -> TemplateConfig[JinjaTemplateEngine]:
    return TemplateConfig(instance=JinjaTemplateEngine.from_environment(ENVIRONMENT))
