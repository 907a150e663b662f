"""Every failure as one document: `application/problem+json` (RFC 9457), the same on all routes."""

import re
from collections.abc import Sequence
from typing import ClassVar

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from muniment.kit.error_translation import translate_error
from muniment.kit.errors import FieldProblem, MethodNotAllowedError, MunimentError, Place

PROBLEM_MEDIA_TYPE = "application/problem+json"
REQUEST_ID_KEY = "muniment.request_id"


class ProblemItem(BaseModel):
    """One fault in the request: where it stands and what is wrong with it."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    place: Place = Field(alias="in", description="The part of the request that holds the fault.")
    pointer: str | None = Field(
        default=None, description="JSON Pointer (RFC 6901) into the body.", examples=["/name"]
    )
    name: str | None = Field(
        default=None, description="Name of the parameter or header, outside the body."
    )
    code: str = Field(description="Stable word for the fault.", examples=["string_too_short"])
    detail: str = Field(description="What is wrong, in one sentence.")


class Problem(BaseModel):
    """What every failed request gets as its answer (RFC 9457)."""

    media_type: ClassVar[str] = PROBLEM_MEDIA_TYPE

    type: str = Field(
        description="Name of the kind of problem.", examples=["urn:muniment:problem:not_found"]
    )
    title: str = Field(description="The kind of problem, in words that never change.")
    status: int = Field(description="The HTTP status, repeated.", ge=400, le=599)
    detail: str = Field(description="What happened this time.")
    code: str = Field(
        description="Stable word to program against; docs/reference/errors.md lists them all."
    )
    instance: str | None = Field(
        default=None, description="Name of this one occurrence, made from the request id."
    )
    request_id: str | None = Field(
        default=None, description="Quote it when you ask for help: the log has the same."
    )
    hint: str | None = Field(default=None, description="What may help.")
    errors: list[ProblemItem] | None = Field(
        default=None, description="The single faults, when the request itself was at fault."
    )


def make_problem(error: MunimentError, request_id: str | None = None) -> Problem:
    """Describe an error as the document that the caller gets."""
    return Problem(
        type=f"urn:muniment:problem:{error.code}",
        title=error.title,
        status=error.status,
        detail=error.detail,
        code=error.code,
        instance=None if request_id is None else f"urn:muniment:request:{request_id}",
        request_id=request_id,
        hint=error.hint,
        errors=[_make_item(fault) for fault in error.errors] or None,
    )


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


def add_problem_rendering(app: FastAPI) -> None:
    """Let an application answer expected errors with problem documents."""
    for kind in (MunimentError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answer_error)


async def _answer_error(request: Request, error: Exception) -> Response:
    translated = translate_error(error)
    if isinstance(translated, MethodNotAllowedError):
        translated.headers["Allow"] = ", ".join(sorted(_allowed_methods(request)))
    return problem_response(translated, request.scope)


def _allowed_methods(request: Request) -> set[str]:
    """Collect the verbs of every route at this address: the framework names those of one alone."""
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    found: set[str] = set()
    for route in iter_route_contexts(request.app.routes):
        template = getattr(route, "path_regex", None)
        if isinstance(template, re.Pattern) and template.match(path):
            found |= route.methods or set()
    return found


def _make_item(fault: FieldProblem) -> ProblemItem:
    in_body = fault.place == "body"
    return ProblemItem(
        place=fault.place,
        pointer=fault.where if in_body else None,
        name=None if in_body else fault.where,
        code=fault.code,
        detail=fault.detail,
    )


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
