"""Every exception that can reach the HTTP edge, as an error that a caller may see.

What a caller may see of an unexpected failure is a fixed sentence and the request id; the
exception itself goes to the log alone, because its text may quote anybody's content.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from muniment.kit.errors import (
    ContentTooLargeError,
    FieldProblem,
    ForbiddenError,
    InternalError,
    InvalidInputError,
    MalformedRequestError,
    MethodNotAllowedError,
    MunimentError,
    NotFoundError,
    Place,
    RefusedRequestError,
    UnavailableError,
    UnsupportedMediaTypeError,
)
from muniment.kit.operational import find_operational_rule
from muniment.kit.validation_faults import body_problems, plain_message

_log = structlog.get_logger(__name__)

_PLACES: Mapping[str, Place] = {
    "body": "body",
    "query": "query",
    "path": "path",
    "header": "header",
    "cookie": "cookie",
}
_BY_STATUS: Mapping[int, tuple[type[MunimentError], str]] = {
    # What the framework says when a body breaks its parser, JSON that is nested too deep above all.
    400: (MalformedRequestError, "The body cannot be read."),
    403: (ForbiddenError, "This is not allowed."),
    404: (NotFoundError, "Nothing is found at this address."),
    405: (MethodNotAllowedError, "This address does not know that verb."),
    413: (ContentTooLargeError, "The body is larger than this address takes."),
    415: (UnsupportedMediaTypeError, "A body of this kind is not read here."),
    503: (UnavailableError, "This cannot be answered at the moment."),
}


def translate_error(error: Exception) -> MunimentError:
    """Turn whatever was raised into an error that a caller may see."""
    if isinstance(error, MunimentError):
        return error
    if isinstance(error, RequestValidationError):
        return _translate_validation(error)
    if isinstance(error, HTTPException):
        return _translate_http(error)
    rule = find_operational_rule(error)
    if rule is None:
        _log.error("request_broke", exc_info=error)
        return InternalError()
    _log.warning("request_met_trouble", trouble=rule.name, exc_info=error)
    return rule.as_error()


def _translate_http(error: HTTPException) -> MunimentError:
    known = _BY_STATUS.get(error.status_code)
    if known is None and error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("framework_refused", status=error.status_code)
        return InternalError()
    kind, detail = known or (RefusedRequestError, "The request was refused before its handler.")
    translated = kind(detail)
    translated.headers.update(error.headers or {})
    return translated


def _translate_validation(error: RequestValidationError) -> MunimentError:
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        return _malformed_json(faults)
    if isinstance(error.body, bytes) and error.body and any(f["loc"] == ("body",) for f in faults):
        return UnsupportedMediaTypeError(
            "This address reads JSON.",
            hint="Send it with the header Content-Type: application/json.",
        )
    problems = _field_problems(faults, error.body)
    return InvalidInputError(
        "The request has a value that cannot be accepted."
        if len(problems) == 1
        else f"The request has {len(problems)} values that cannot be accepted.",
        errors=tuple(problems),
    )


def _malformed_json(faults: Sequence[Mapping[str, object]]) -> MunimentError:
    fault = faults[0]
    location = fault.get("loc")
    context = fault.get("ctx")
    position = location[-1] if isinstance(location, tuple) else 0
    reason = context.get("error", "") if isinstance(context, Mapping) else ""
    item = FieldProblem("body", "", "json_invalid", f"{reason} at character {position}")
    return MalformedRequestError("The body is not valid JSON.", errors=(item,))


def _field_problems(faults: Sequence[Mapping[str, object]], body: object) -> list[FieldProblem]:
    in_body = [fault for fault in faults if _place_of(fault) == "body"]
    elsewhere = [fault for fault in faults if _place_of(fault) != "body"]
    told = [
        FieldProblem(
            _place_of(fault),
            ".".join(map(str, _location(fault)[1:])),
            str(fault["type"]),
            plain_message(str(fault["msg"])),
        )
        for fault in elsewhere
    ]
    inner = [{**fault, "loc": _location(fault)[1:]} for fault in in_body]
    return [*told, *body_problems(inner, body)]


def _place_of(fault: Mapping[str, object]) -> Place:
    return _PLACES.get(str(_location(fault)[0]), "body")


def _location(fault: Mapping[str, object]) -> tuple[object, ...]:
    location = fault.get("loc")
    return location if isinstance(location, tuple) and location else ("body",)
