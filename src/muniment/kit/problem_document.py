"""The document that tells of a failure: `application/problem+json` (RFC 9457).

It needs no web framework: the command line writes the same document with `--json`.
"""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from muniment.kit.errors import FieldProblem, MunimentError, Place

PROBLEM_MEDIA_TYPE = "application/problem+json"


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


def _make_item(fault: FieldProblem) -> ProblemItem:
    in_body = fault.place == "body"
    return ProblemItem(
        place=fault.place,
        pointer=fault.where if in_body else None,
        name=None if in_body else fault.where,
        code=fault.code,
        detail=fault.detail,
    )
