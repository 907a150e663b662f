from collections.abc import Sequence

import pytest
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from structlog.testing import capture_logs

from muniment.kit.error_translation import translate_error
from muniment.kit.errors import FieldProblem, MunimentError, NotFoundError


class DriverError(Exception):
    sqlstate = "55P03"


def fault(location: Sequence[str | int], kind: str = "missing") -> dict[str, object]:
    return {"loc": tuple(location), "type": kind, "msg": "It is wrong", "input": "hunter2"}


def places(*locations: Sequence[str | int]) -> list[tuple[str, str]]:
    error = translate_error(RequestValidationError([fault(one) for one in locations]))
    return [(item.place, item.where) for item in error.errors]


class TestExpectedErrors:
    def test_pass_as_they_are(self) -> None:
        error = NotFoundError("No such thing.")
        with capture_logs() as entries:
            assert translate_error(error) is error
        assert entries == []


class TestRefusalsOfTheFramework:
    @pytest.mark.parametrize(
        ("status", "code", "answered"),
        [
            (400, "malformed_request", 400),
            (403, "forbidden", 403),
            (404, "not_found", 404),
            (405, "method_not_allowed", 405),
            (413, "content_too_large", 413),
            (415, "unsupported_media_type", 415),
            (418, "refused_request", 400),
            (500, "internal_error", 500),
            (501, "internal_error", 500),
            (503, "unavailable", 503),
        ],
    )
    def test_have_our_codes_and_never_their_words(
        self, status: int, code: str, answered: int
    ) -> None:
        error = translate_error(HTTPException(status, "hunter2"))
        assert (error.code, error.status) == (code, answered)
        assert "hunter2" not in f"{error.detail} {error.hint} {error}"

    def test_keep_their_headers(self) -> None:
        error = translate_error(HTTPException(405, headers={"Allow": "GET"}))
        assert error.headers == {"Allow": "GET"}
        away = translate_error(HTTPException(503, headers={"Retry-After": "9"}))
        assert away.headers == {"Retry-After": "9"}

    def test_that_are_faults_of_ours_are_logged(self) -> None:
        with capture_logs() as entries:
            translate_error(HTTPException(502))
        assert [(entry["event"], entry["status"]) for entry in entries] == [
            ("framework_refused", 502)
        ]


class TestUnexpectedErrors:
    def test_tell_the_log_everything_and_the_caller_nothing(self) -> None:
        broken = RuntimeError("password=hunter2")
        with capture_logs() as entries:
            error = translate_error(broken)
        assert error.code == "internal_error"
        assert "hunter2" not in f"{error.detail} {error.hint} {error}"
        assert entries == [
            {"event": "request_broke", "log_level": "error", "exc_info": broken},
        ]

    def test_of_a_passing_kind_say_when_to_come_again(self) -> None:
        broken = DriverError("hunter2")
        with capture_logs() as entries:
            error = translate_error(broken)
        assert (error.code, error.status) == ("busy", 503)
        assert int(error.headers["Retry-After"]) >= 1
        assert "hunter2" not in error.detail
        assert entries == [
            {
                "event": "request_met_trouble",
                "log_level": "warning",
                "trouble": "lock_timeout",
                "exc_info": broken,
            }
        ]


class TestFaultsOfARequest:
    def test_in_the_body_are_pointed_to_as_rfc_6901_writes_it(self) -> None:
        assert places(
            ("body", "a", 0, "b"), ("body", "a/b", "~x", "~1"), ("body", ""), ("body",)
        ) == [("body", "/a/0/b"), ("body", "/a~1b/~0x/~01"), ("body", "/"), ("body", "")]

    def test_elsewhere_are_named(self) -> None:
        assert places(
            ("query", "limit"), ("path", "id"), ("header", "If-Match"), ("cookie", "c", "d")
        ) == [("query", "limit"), ("path", "id"), ("header", "If-Match"), ("cookie", "c.d")]

    def test_in_no_known_place_are_in_the_body(self) -> None:
        assert places(("form", "file")) == [("body", "/file")]

    def test_are_counted_and_never_quoted(self) -> None:
        one = translate_error(RequestValidationError([fault(("query", "q"))]))
        two = translate_error(RequestValidationError([fault(("query", "q"))] * 2))
        assert one.detail == "The request has a value that cannot be accepted."
        assert two.detail == "The request has 2 values that cannot be accepted."
        assert one.errors == (FieldProblem("query", "q", "missing", "It is wrong"),)
        assert "hunter2" not in str(vars(two))

    def test_of_its_json_are_one_fault_and_its_place(self) -> None:
        broken = {
            "type": "json_invalid",
            "loc": ("body", 17),
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": "Expecting value"},
        }
        error = translate_error(RequestValidationError([broken], body="hunter2"))
        assert (error.code, error.status) == ("malformed_request", 400)
        assert error.errors == (
            FieldProblem("body", "", "json_invalid", "Expecting value at character 17"),
        )

    def test_of_its_json_need_no_details(self) -> None:
        error = translate_error(RequestValidationError([{"type": "json_invalid", "msg": "x"}]))
        assert error.errors[0].detail == " at character 0"

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"title=x", "unsupported_media_type"),
            (b"", "invalid_input"),
            (None, "invalid_input"),
            ({"title": 1}, "invalid_input"),
        ],
    )
    def test_in_a_body_that_was_not_read_as_json_are_its_kind(
        self, body: object, code: str
    ) -> None:
        error: MunimentError = translate_error(
            RequestValidationError([fault(("body",))], body=body)
        )
        assert error.code == code

    def test_inside_a_body_are_no_matter_of_its_kind(self) -> None:
        error = translate_error(RequestValidationError([fault(("body", "title"))], body=b"x"))
        assert error.code == "invalid_input"
