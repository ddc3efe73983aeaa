"""What goes wrong on a page, as a page: a stranger is led to the sign-in page and back, the rest is said plainly."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from api.errors import NOT_SIGNED_IN, ApiError
from api.pages.look import look_of
from api.pages.visit import shell
from api.problems import Problem, on_api_error, on_exception, on_exception_group, on_http_exception, on_unreachable
from api.templating import ENVIRONMENT
from storage.errors import DatabaseUnreachable

AnyRequest = Request[Any, Any, Any]
Handler = Callable[[AnyRequest, Any], Response[Problem]]


def as_page(handler: Handler) -> Callable[[AnyRequest, Any], Response[Any]]:
    """The same refusal, for people."""

    def answer(request: AnyRequest, error: Exception) -> Response[Any]:
        refused = handler(request, error)
        return page_of(request, refused.content, {"Retry-After": refused.headers.get("Retry-After", "")})

    return answer


def page_of(request: AnyRequest, problem: Problem, headers: Mapping[str, str]) -> Response[Any]:
    kept = {name: value for name, value in headers.items() if value}
    inside = "hx-request" in request.headers
    if problem.code == NOT_SIGNED_IN.code:
        back = f"/login?next={quote(request.url.path)}" if request.method == "GET" and not inside else "/login"
        if inside:
            return Response("", status_code=401, headers={"HX-Redirect": back}, media_type="text/html")
        return Redirect(back, status_code=303)
    context = {**shell(look_of(request)), "problem": problem}
    if inside:
        # A refusal is shown beside the page, and what was typed stays.
        kept |= {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"}
        html = ENVIRONMENT.get_template("trouble.html").render(context)
    else:
        html = ENVIRONMENT.get_template("failed.html").render(context)
    return Response(html, status_code=problem.status, headers=kept, media_type="text/html")


HANDLERS: dict[Any, Any] = {
    ApiError: as_page(on_api_error),
    HTTPException: as_page(on_http_exception),
    DatabaseUnreachable: as_page(on_unreachable),
    ExceptionGroup: as_page(on_exception_group),
    Exception: as_page(on_exception),
}
