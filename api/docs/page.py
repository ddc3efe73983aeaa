"""The schema as a page, and what each problem means. Made here: a page of ours needs nothing from the internet."""

from typing import Any

from litestar import get
from litestar.connection import Request
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.params import FromPath
from litestar.response import Template

from api.errors import KINDS, not_found
from api.identity.guard import OPEN
from api.templating import ENVIRONMENT

VERBS = ("get", "post", "put", "patch", "delete")


class ReadablePage(OpenAPIRenderPlugin):
    def __init__(self) -> None:
        super().__init__(path="/docs")

    def render(self, _request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        page = ENVIRONMENT.get_template("docs.html")
        return page.render(schema=openapi_schema, operations=by_tag(openapi_schema)).encode()


def by_tag(schema: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Operations in the order of the tags, each with its verb and path."""
    found: dict[str, list[dict[str, Any]]] = {tag["name"]: [] for tag in schema["tags"]}
    for path, item in schema["paths"].items():
        for verb in VERBS:
            if verb in item:
                found[item[verb]["tags"][0]].append({"verb": verb, "path": path, **item[verb]})
    return found


@get("/problems/{code:str}", opt={**OPEN, "exclude_from_auth": True}, include_in_schema=False, sync_to_thread=False)
def problem_page(code: FromPath[str]) -> Template:
    """Where a problem's `type` leads."""
    kind = KINDS.get(code)
    if kind is None:
        raise not_found()
    return Template("problem.html", context={"kind": kind})
