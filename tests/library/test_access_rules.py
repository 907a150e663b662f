"""What an access rule may say, and that folding and storing it never changes what it means."""

import json
from collections.abc import Mapping

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from muniment.library.access_rules import (
    AccessRule,
    Condition,
    conditions_from_json,
    conditions_to_json,
)
from muniment.library.service.access import stored_rule
from muniment.ports.access import AttributeValue, Bounds
from tests.library.arrange import COLLECTIONS, DOCUMENTS, add, give, make_collection, send
from tests.support.app import ClientMaker

LARGEST = 2**53
NUMBERS = st.integers(-5, 5) | st.sampled_from([LARGEST, -LARGEST])
TEXTS = st.sampled_from(["hr", "legal", "3", "-1", "漢", "مرحبا", "e\u0301", "true"])
VALUES = NUMBERS | TEXTS
CONDITIONS = st.one_of(
    st.builds(lambda value: {"attribute": "a", "gte": value}, NUMBERS),
    st.builds(lambda value: {"attribute": "a", "lte": value}, NUMBERS),
    st.builds(lambda value: {"attribute": "a", "eq": value}, VALUES),
    st.builds(lambda values: {"attribute": "a", "in": values}, st.lists(VALUES, max_size=4)),
).map(Condition.model_validate)

TOO_LARGE = [
    {"attribute": "clearance", name: value}
    for name in ("gte", "lte", "eq")
    for value in (LARGEST + 1, -LARGEST - 1, 2**63, 10**40)
]
NO_TEXT = [
    {"attribute": "department", "eq": ""},
    {"attribute": "department", "eq": "h\0r"},
    {"attribute": "department", "in": ["hr", "\0"]},
    {"attribute": "department", "eq": "x" * 257},
]


def demands(condition: Condition, value: AttributeValue) -> bool:
    """Decide one condition by the words of its fields alone."""
    if condition.eq is not None:
        return value == condition.eq
    if condition.one_of is not None:
        return value in condition.one_of
    if not isinstance(value, int):
        return False
    if condition.gte is not None:
        return value >= condition.gte
    return condition.lte is not None and value <= condition.lte


class TestFolding:
    @given(st.lists(CONDITIONS, min_size=1, max_size=5), VALUES)
    def test_demands_what_all_the_conditions_demand(
        self, conditions: list[Condition], value: AttributeValue
    ) -> None:
        folded = AccessRule(all=conditions).conditions()
        assert folded is not None
        expected = all(demands(condition, value) for condition in conditions)
        assert folded["a"].admits(value) is expected

    @given(st.lists(CONDITIONS, min_size=1, max_size=5))
    def test_survives_storage(self, conditions: list[Condition]) -> None:
        folded = AccessRule(all=conditions).conditions()
        written = json.dumps(conditions_to_json(folded))
        assert conditions_from_json(json.loads(written)) == folded

    @given(st.lists(CONDITIONS, max_size=5))
    def test_what_was_given_is_shown_again(self, conditions: list[Condition]) -> None:
        rule = AccessRule(any_of=["group:/eng"], all=conditions)
        written = json.dumps(stored_rule(rule))
        assert AccessRule.model_validate_json(written) == rule

    @pytest.mark.parametrize(
        ("rule", "principals", "conditions"),
        [
            ({}, None, None),
            ({"any_of": []}, frozenset(), None),
            ({"all": []}, None, None),
            ({"any_of": ["everyone", "everyone"]}, frozenset({"everyone"}), None),
            (
                {"all": [{"attribute": "a", "gte": 1}, {"attribute": "b", "eq": "x"}]},
                None,
                {"a": Bounds(gte=1), "b": Bounds(members=frozenset({"x"}))},
            ),
            (
                {"all": [{"attribute": "a", "eq": 1}, {"attribute": "a", "eq": 2}]},
                None,
                {"a": Bounds(members=frozenset())},
            ),
        ],
    )
    def test_tells_an_absent_part_from_one_that_admits_nobody(
        self,
        rule: Mapping[str, object],
        principals: frozenset[str] | None,
        conditions: Mapping[str, Bounds] | None,
    ) -> None:
        read = AccessRule.model_validate(rule)
        assert (read.principals(), read.conditions()) == (principals, conditions)


class TestRefused:
    @pytest.mark.parametrize(
        "condition",
        [
            {"attribute": "clearance"},
            {"attribute": "clearance", "gte": 1, "lte": 3},
            {"attribute": "clearance", "eq": 1, "in": [1]},
            {"attribute": "clearance", "gte": "3"},
            {"attribute": "clearance", "eq": True},
            {"attribute": "clearance", "eq": 1.5},
            {"attribute": "clearance", "eq": None},
            {"attribute": "clearance", "in": [True]},
            {"attribute": "clearance", "in": list(range(257))},
            {"attribute": "1st", "eq": 1},
            {"attribute": "a.b", "eq": 1},
            {"attribute": "", "eq": 1},
            {"attribute": "a" * 65, "eq": 1},
            {"attribute": "clearance\n", "eq": 1},
            {"attribute": "clearance", "one_of": [1], "gt": 1},
            *TOO_LARGE,
            *NO_TEXT,
        ],
    )
    def test_what_is_no_condition(self, condition: object) -> None:
        with pytest.raises(ValidationError):
            AccessRule.model_validate({"all": [condition]})

    @pytest.mark.parametrize(
        "rule",
        [
            {"any_of": ["eng"]},
            {"any_of": ["group:/eng"] * 257},
            {"all": [{"attribute": "a", "eq": 1}] * 65},
            {"anyOf": []},
            [],
        ],
    )
    def test_what_is_no_rule(self, rule: object) -> None:
        with pytest.raises(ValidationError):
            AccessRule.model_validate(rule)

    @pytest.mark.parametrize("bound", [LARGEST, -LARGEST])
    def test_but_not_the_largest_numbers_that_are_exact(self, bound: int) -> None:
        rule = {"all": [{"attribute": "a", "gte": bound}, {"attribute": "a", "eq": bound}]}
        AccessRule.model_validate(rule)


class TestOverHttp:
    @pytest.mark.parametrize("condition", [*TOO_LARGE[:4], *NO_TEXT[1:3]])
    async def test_a_rule_that_the_database_cannot_compare_never_gets_there(
        self, client_of: ClientMaker, condition: object
    ) -> None:
        alice = client_of("alice")
        collection = await make_collection(alice)
        document = await add(alice, collection)
        rule = {"all": [condition]}
        replaced = await alice.put(
            f"{DOCUMENTS}/{document}/access", json={"rule": rule}, headers={"If-Match": "*"}
        )
        assert (replaced.status_code, replaced.json()["code"]) == (422, "invalid_input")
        assert replaced.json()["errors"][0]["pointer"].startswith("/rule/all/0/")
        fields = {"access": json.dumps(rule)}
        uploaded = await send(alice, collection, "b.txt", fields=fields)
        assert (uploaded.status_code, uploaded.json()["code"]) == (422, "invalid_upload_field")

    @pytest.mark.parametrize("bound", [LARGEST, -LARGEST])
    async def test_the_largest_bounds_hide_and_break_nothing(
        self, client_of: ClientMaker, bound: int
    ) -> None:
        alice = client_of("alice")
        collection = await make_collection(alice)
        await give(alice, collection, "everyone", "reader")
        await add(alice, collection, "open.txt")
        rule = {"all": [{"attribute": "clearance", "gte": bound}]}
        await add(alice, collection, "bound.txt", fields={"access": rule})
        names: dict[str, set[str]] = {}
        callers: dict[str, dict[str, AttributeValue]] = {
            "low": {"clearance": 1},
            "none": {},
            "text": {"department": "hr"},
        }
        for user, attributes in callers.items():
            reader: httpx2.AsyncClient = client_of(user, attributes=attributes)
            listed = await reader.get(f"{COLLECTIONS}/{collection}/documents")
            assert listed.status_code == 200
            names[user] = {item["name"] for item in listed.json()["items"]}
        assert names["none"] == names["text"] == {"open.txt"}
        assert names["low"] == ({"open.txt"} if bound > 0 else {"open.txt", "bound.txt"})
