import json

import pytest
from starlette.responses import Response

from muniment.kit.errors import (
    ConflictError,
    NotFoundError,
    UnavailableError,
)
from muniment.kit.problem_document import PROBLEM_MEDIA_TYPE, Problem
from muniment.kit.problems import REQUEST_ID_KEY, problem_response, problem_responses
from tests.support.demo_app import KNOWN, create_demo_app
from tests.support.problem_walk import assert_problem, client_of

NOTES = "/api/v1/notes"


class TestProblemResponse:
    def test_keeps_the_headers_of_the_error(self) -> None:
        response = problem_response(
            UnavailableError("Away.", retry_after_s=7), {"type": "http", REQUEST_ID_KEY: "r-2"}
        )
        assert isinstance(response, Response)
        assert response.headers["retry-after"] == "7"
        assert response.headers["content-type"] == PROBLEM_MEDIA_TYPE
        assert Problem.model_validate_json(bytes(response.body)).request_id == "r-2"


class TestProblemResponses:
    def test_one_status_lists_all_its_codes_with_examples(self) -> None:
        class OtherConflictError(ConflictError):
            """It is there already."""

            code = "already_there"
            title = "Already there"

        documented = problem_responses(ConflictError, OtherConflictError, NotFoundError)
        assert list(documented) == [404, 409]
        text = json.dumps(documented[409])
        assert "application/problem+json" in text
        assert "It is there already." in text
        assert "`conflict`" in text
        assert "`already_there`" in text


class TestRequests:
    async def test_validation_points_to_every_fault(self) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.post(NOTES, json={"tilte": 1, "tags": ["ok", "x" * 21]})
        problem = assert_problem(response, 422)
        assert [
            (item["in"], item["pointer"], item["code"]) for item in response.json()["errors"]
        ] == [
            ("body", "/title", "missing"),
            ("body", "/tags/1", "string_too_long"),
            ("body", "/tilte", "extra_forbidden"),
        ]
        assert problem["code"] == "invalid_input"

    async def test_query_faults_are_named(self) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.get(NOTES, params={"limit": 0})
        assert_problem(response, 422)
        assert response.json()["errors"][0]["in"] == "query"
        assert response.json()["errors"][0]["name"] == "limit"

    async def test_broken_json_is_400_and_says_where(self) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.post(
                NOTES, content=b'{"title": }', headers={"Content-Type": "application/json"}
            )
        problem = assert_problem(response, 400)
        assert problem["code"] == "malformed_request"
        assert "character 10" in response.text

    async def test_a_body_that_is_no_json_is_415(self) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.post(
                NOTES, content=b"title=x", headers={"Content-Type": "text/plain"}
            )
        assert assert_problem(response, 415)["code"] == "unsupported_media_type"

    async def test_merge_patch_is_read_as_json(self) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.patch(
                f"{NOTES}/{KNOWN}",
                content=b'{"title": "new"}',
                headers={"Content-Type": "application/merge-patch+json", "If-Match": "*"},
            )
        assert response.status_code == 200

    async def test_an_unexpected_failure_tells_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.get("/api/v1/trouble/secret")
        assert assert_problem(response, 500)["code"] == "internal_error"
        assert "hunter2" not in response.text
        assert "RuntimeError" not in response.text

    async def test_a_wrong_verb_names_the_right_ones(self) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.delete(NOTES)
        assert assert_problem(response, 405)["code"] == "method_not_allowed"
        assert response.headers["allow"] == "GET, POST"
