from muniment.kit.errors import FieldProblem, InvalidInputError, NotFoundError
from muniment.kit.problem_document import make_problem


class TestMakeProblem:
    def test_names_the_kind_and_the_occurrence(self) -> None:
        problem = make_problem(NotFoundError("No such thing.", hint="Look again."), "r-1")
        assert problem.model_dump(exclude_none=True) == {
            "type": "urn:muniment:problem:not_found",
            "title": "Not found",
            "status": 404,
            "detail": "No such thing.",
            "code": "not_found",
            "instance": "urn:muniment:request:r-1",
            "request_id": "r-1",
            "hint": "Look again.",
        }

    def test_points_into_the_body_and_names_everything_else(self) -> None:
        faults = (
            FieldProblem("body", "/a~1b/0", "bad", "Bad."),
            FieldProblem("header", "If-Match", "worse", "Worse."),
        )
        problem = make_problem(InvalidInputError("No.", errors=faults))
        assert problem.errors is not None
        assert [item.model_dump(exclude_none=True) for item in problem.errors] == [
            {"in": "body", "pointer": "/a~1b/0", "code": "bad", "detail": "Bad."},
            {"in": "header", "name": "If-Match", "code": "worse", "detail": "Worse."},
        ]
