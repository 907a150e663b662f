"""The template of the route that a request matched, for labels and logs that hold no ids."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import Scope

UNMATCHED = "unmatched"


class RouteTemplates:
    """Finds route templates by endpoint; the table is made at the first request.

    FastAPI keeps included routers as a tree and the matched route knows only its own end of the
    path, so the full template is looked up by the endpoint, which belongs to one route alone.
    """

    def __init__(self) -> None:
        self._by_endpoint: dict[Callable[..., object], str] | None = None

    def find(self, scope: Scope) -> str:
        """Give the template of a request that was routed, else one word for all others."""
        if self._by_endpoint is None:
            self._by_endpoint = _collect(scope["app"]) if "app" in scope else {}
        endpoint = scope.get("endpoint")
        return UNMATCHED if endpoint is None else self._by_endpoint.get(endpoint, UNMATCHED)


def _collect(app: FastAPI) -> dict[Callable[..., object], str]:
    return {
        context.endpoint: context.path_format or context.path or UNMATCHED
        for context in iter_route_contexts(app.routes)
        if context.endpoint is not None
    }
