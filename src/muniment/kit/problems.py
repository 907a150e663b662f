"""Every failure answered with one document (RFC 9457), the same on all routes."""

import re
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import TypeAlias

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Scope

from muniment.kit.error_translation import translate_error
from muniment.kit.errors import MethodNotAllowedError, MunimentError
from muniment.kit.problem_document import PROBLEM_MEDIA_TYPE, Problem, make_problem

REQUEST_ID_KEY = "muniment.request_id"

Caller: TypeAlias = Callable[[HTTPConnection], Awaitable[object]]
"""Says who makes a request. Raises the error that nobody is answered with."""

Observer: TypeAlias = Callable[[HTTPConnection, MunimentError], None]
"""Hears what a request is answered with."""


def problem_response(error: MunimentError, scope: Scope) -> Response:
    """Answer a request with an error."""
    request_id = scope.get(REQUEST_ID_KEY)
    problem = make_problem(error, request_id if isinstance(request_id, str) else None)
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=error.status,
        headers=error.headers,
        media_type=PROBLEM_MEDIA_TYPE,
    )


def add_problem_rendering(
    app: FastAPI,
    caller: Caller | None = None,
    prefix: str = "",
    observer: Observer | None = None,
) -> None:
    """Let an application answer expected errors with problem documents.

    The framework reads a body before it asks who sends it. So below `prefix` the caller is asked
    once more before anything is said about a body that cannot be read; None asks nobody.
    `observer` hears each error when it is decided.
    """

    async def answer(request: Request, error: Exception) -> Response:
        if caller is not None and _is_of_body(error) and request.url.path.startswith(prefix):
            try:
                await caller(request)
            except MunimentError as refusal:
                error = refusal
        translated = translate_error(error)
        if observer is not None:
            observer(request, translated)
        return _answer_error(request, translated)

    for kind in (MunimentError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)


def _is_of_body(error: Exception) -> bool:
    is_unread = isinstance(error, HTTPException) and error.status_code == HTTPStatus.BAD_REQUEST
    return is_unread or isinstance(error, RequestValidationError)


def _answer_error(request: Request, error: MunimentError) -> Response:
    if isinstance(error, MethodNotAllowedError):
        error.headers["Allow"] = ", ".join(sorted(_allowed_methods(request)))
    return problem_response(error, request.scope)


def _allowed_methods(request: Request) -> set[str]:
    """Collect the verbs of every route at this address: the framework names those of one alone."""
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        template = getattr(route, "path_regex", None)
        if isinstance(template, re.Pattern) and template.match(path):
            found |= route.methods or set()
    return found


def problem_responses(*errors: type[MunimentError]) -> dict[int | str, dict[str, object]]:
    """Document the errors of a route, for the `responses` of its decorator."""
    by_status: dict[int, list[type[MunimentError]]] = {}
    for error in errors:
        by_status.setdefault(error.status, []).append(error)
    return {status: _describe_status(kinds) for status, kinds in sorted(by_status.items())}


def _describe_status(kinds: Sequence[type[MunimentError]]) -> dict[str, object]:
    return {
        "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
        "content": {
            PROBLEM_MEDIA_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {kind.code: _example(kind) for kind in kinds},
            }
        },
    }


def _example(kind: type[MunimentError]) -> dict[str, object]:
    value = Problem(
        type=f"urn:muniment:problem:{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=_first_sentence(kind),
        code=kind.code,
        instance="urn:muniment:request:01981f2e5c6a7d1f",
        request_id="01981f2e5c6a7d1f",
    )
    return {"summary": kind.title, "value": value.model_dump(exclude_none=True)}


def _first_sentence(kind: type[MunimentError]) -> str:
    return (kind.__doc__ or kind.title).strip().splitlines()[0]
