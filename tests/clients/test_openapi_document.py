"""The OpenAPI document as a product: what a generator, and the person who reads, can rely on."""

import json
from pathlib import Path
from typing import Any

import pytest

from muniment.kit.problem_document import PROBLEM_MEDIA_TYPE

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "openapi.json"
PUBLIC = {"/healthz", "/readyz", "/metrics"}
VERBS_WITH_STATES = {"post", "put", "patch", "delete"}

Operation = dict[str, Any]


def load_operations() -> list[tuple[str, str, Operation]]:
    document = json.loads(DOCUMENT.read_text("utf-8"))
    return [
        (path, verb, operation)
        for path, verbs in document["paths"].items()
        for verb, operation in verbs.items()
    ]


OPERATIONS = load_operations()
IDS = [f"{verb} {path}" for path, verb, _ in OPERATIONS]
each_operation = pytest.mark.parametrize(("path", "verb", "operation"), OPERATIONS, ids=IDS)


class TestOperations:
    def test_names_are_unique(self) -> None:
        names = [operation["operationId"] for _, _, operation in OPERATIONS]
        assert len(names) == len(set(names)) > 20

    @each_operation
    def test_says_what_it_does(self, path: str, verb: str, operation: Operation) -> None:
        assert operation["tags"]
        assert operation["summary"]
        assert operation["description"].strip()
        for parameter in operation.get("parameters", []):
            assert parameter.get("description"), parameter["name"]

    @each_operation
    def test_says_who_may_call(self, path: str, verb: str, operation: Operation) -> None:
        assert bool(operation.get("security")) is (path not in PUBLIC)

    @each_operation
    def test_failures_are_problems(self, path: str, verb: str, operation: Operation) -> None:
        failures = {s: r for s, r in operation["responses"].items() if s >= "400"}
        if path in PUBLIC:
            return
        assert {"401", "500", "503"} <= failures.keys()
        if "{" in path:
            assert "404" in failures
        for status, response in failures.items():
            assert list(response["content"]) == [PROBLEM_MEDIA_TYPE], status
            media = response["content"][PROBLEM_MEDIA_TYPE]
            assert media["schema"] == {"$ref": "#/components/schemas/Problem"}, status
            assert media["examples"], status

    @each_operation
    def test_success_has_a_form(self, path: str, verb: str, operation: Operation) -> None:
        successes = [s for s in operation["responses"] if s.startswith("2")]
        assert successes
        for status in successes:
            has_body = "content" in operation["responses"][status]
            assert has_body is (status != "204" and verb != "head"), status


class TestBodies:
    @pytest.mark.parametrize(
        ("path", "verb", "operation"),
        [entry for entry in OPERATIONS if "requestBody" in entry[2]],
        ids=[
            name for name, entry in zip(IDS, OPERATIONS, strict=True) if "requestBody" in entry[2]
        ],
    )
    def test_body_has_an_example(self, path: str, verb: str, operation: Operation) -> None:
        for media, content in operation["requestBody"]["content"].items():
            assert has_example(content), media

    def test_every_field_says_what_it_is(self) -> None:
        document = json.loads(DOCUMENT.read_text("utf-8"))
        silent = [
            f"{name}.{field}"
            for name, schema in document["components"]["schemas"].items()
            for field, described in schema.get("properties", {}).items()
            if not described.get("description") and "$ref" not in described
        ]
        assert silent == []


def has_example(content: dict[str, Any]) -> bool:
    """Tell whether a body, its schema or any of its fields shows an example."""
    if content.get("example") or content.get("examples"):
        return True
    schema = content["schema"]
    if "$ref" in schema:
        document = json.loads(DOCUMENT.read_text("utf-8"))
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    fields = schema.get("properties", {}).values()
    return bool(schema.get("examples")) or any(field.get("examples") for field in fields)
