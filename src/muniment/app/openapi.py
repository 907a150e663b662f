"""The description of the API as a product: what generated clients and the docs page rely on."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from typing_extensions import override

from muniment.identity.browser import HEADER, HEADER_VALUE, BrowserRules
from muniment.kit.errors import (
    HeadTooLargeError,
    InternalError,
    InvalidInputError,
    MalformedRequestError,
    MunimentError,
    TargetTooLongError,
    UnavailableError,
    UnknownHostError,
    UnsupportedMediaTypeError,
)
from muniment.kit.parameters import UnknownParameterError
from muniment.kit.problem_document import PROBLEM_MEDIA_TYPE, Problem
from muniment.kit.problems import problem_responses

API_PREFIX = "/api/v1"
SIGN_IN_PREFIX = "/auth"
BEARER_SCHEME = "bearer"
SESSION_SCHEME = "session"

TAGS = [
    {"name": "users", "description": "Profiles of the people and services that call."},
    {"name": "collections", "description": "Sets of documents, and who may use them."},
    {"name": "documents", "description": "Upload, watch, read and delete documents."},
    {"name": "search", "description": "Ranked passages of what the caller may read."},
    {"name": "answers", "description": "Answers with citations that are literally true."},
    {"name": "principals", "description": "Finding people and groups to share with."},
    {"name": "api keys", "description": "Keys that act for their owner, within a scope."},
    {"name": "audit", "description": "Who did what, and what was refused to whom."},
    {"name": "sign-in", "description": "Signing in and out with a browser, at the root."},
    {"name": "operations", "description": "For operators: alive, ready, measurements."},
]

DESCRIPTION = """\
Answers over your own documents, with citations that are literally true: `quote` is exactly
`text[start:end]` of the cited version, counted in Unicode code points.

* Every failure is an `application/problem+json` document (RFC 9457) with a stable `code`.
* Lists come in pages: pass `next` of one page as `cursor` to get the following one.
* Objects that can change carry an `ETag`; a change names it in `If-Match` (428 without).
"""


def operation_id(route: APIRoute) -> str:
    """Name an operation after its handler: unique across the product, good in clients."""
    return route.name


class DocumentedApi(FastAPI):
    """An application whose OpenAPI document tells the truth about errors and callers."""

    @override
    def openapi(self) -> dict[str, Any]:
        """Give the OpenAPI document, completed once."""
        document = super().openapi()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if "Problem" not in schemas:
            _complete(document)
        return document


def _complete(document: dict[str, Any]) -> None:
    components = document["components"]
    components["schemas"].pop("HTTPValidationError", None)
    components["schemas"].pop("ValidationError", None)
    components["schemas"].update(_problem_schemas())
    components.setdefault("securitySchemes", {}).setdefault(
        BEARER_SCHEME,
        {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token of a configured issuer, or of `muniment token`.",
        },
    )
    components["securitySchemes"].setdefault(
        SESSION_SCHEME,
        {
            "type": "apiKey",
            "in": "cookie",
            "name": BrowserRules("", is_secure=True).cookie_name(),
            "description": "A browser that signed in at `/auth/login`. Changes need the header"
            f" `{HEADER}: {HEADER_VALUE}` beside it, and a page of this server. It is not looked at"
            " where there is a token.",
        },
    )
    for path, operation in _operations(document):
        _name_successes(operation)
        if path.startswith(API_PREFIX):
            asked = operation.setdefault("security", [{BEARER_SCHEME: []}])
            if {SESSION_SCHEME: []} not in asked:
                asked.append({SESSION_SCHEME: []})
        if path.startswith((API_PREFIX, SIGN_IN_PREFIX)):
            _document_errors(operation)


def _problem_schemas() -> dict[str, Any]:
    _, schema = models_json_schema(
        [(Problem, "serialization")], ref_template="#/components/schemas/{model}"
    )
    return dict(schema["$defs"])


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document.get("paths", {}).items():
        for operation in operations.values():
            yield path, operation


def _name_successes(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if response.get("description") == "Successful Response":
            response["description"] = HTTPStatus(int(status)).phrase


def _document_errors(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
    errors: list[type[MunimentError]] = [
        *(InternalError, UnavailableError, UnknownParameterError, UnknownHostError),
        *(TargetTooLongError, HeadTooLargeError),
    ]
    if operation.get("parameters") or "requestBody" in operation:
        errors.append(InvalidInputError)
    if "requestBody" in operation:
        errors += [MalformedRequestError, UnsupportedMediaTypeError]
    for status, described in problem_responses(*errors).items():
        declared = responses.setdefault(str(status), described)
        if declared is not described:
            _add_problems(declared, described)
    operation["responses"] = dict(sorted(responses.items()))


def _add_problems(declared: dict[str, Any], usual: dict[str, Any]) -> None:
    """Name the usual errors of a status beside those that the route declared for it."""
    examples = declared.get("content", {}).get(PROBLEM_MEDIA_TYPE, {}).get("examples", {})
    added = usual["content"][PROBLEM_MEDIA_TYPE]["examples"]
    if not examples.keys() >= added.keys():
        declared["description"] += "; " + usual["description"]
        examples.update(added)
