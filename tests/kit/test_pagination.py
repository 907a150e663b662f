import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.kit.pagination import InvalidCursorError, Ordering, PageRequest
from tests.support.demo_app import create_demo_app
from tests.support.problem_walk import assert_problem, client_of

BY_NAME = Ordering("people.name", (str, int))
BY_TIME = Ordering("people.time", (datetime, UUID))

STORABLE_TEXTS = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50
)


def cursor_of(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


class TestOrdering:
    @given(STORABLE_TEXTS, st.integers(-(2**31) + 1, 2**31 - 1))
    def test_a_key_comes_back_as_it_was(self, name: str, number: int) -> None:
        assert BY_NAME.decode(BY_NAME.encode((name, number))) == (name, number)

    def test_times_and_ids_come_back_typed(self) -> None:
        key = (datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), UUID(int=7))
        assert BY_TIME.decode(BY_TIME.encode(key)) == key

    @given(st.text(max_size=200))
    def test_no_text_breaks_it(self, text: str) -> None:
        with pytest.raises(InvalidCursorError):
            BY_TIME.decode(text)

    @pytest.mark.parametrize(
        "value",
        [
            [],
            {},
            "people.name",
            ["people.time", "x", 1],
            ["people.name", "x"],
            ["people.name", "x", 1, 2],
            ["people.name", 1, 1],
            ["people.name", "x", True],
            ["people.name", "x", None],
            ["people.name", ["x"], 1],
            ["people.name", "x\0", 1],
            ["people.name", "\ud800", 1],
            ["people.name", "x", 2**31],
        ],
    )
    def test_a_cursor_of_another_shape_or_order_is_refused(self, value: object) -> None:
        with pytest.raises(InvalidCursorError):
            BY_NAME.decode(cursor_of(value))

    def test_nested_json_is_refused(self) -> None:
        with pytest.raises(InvalidCursorError):
            BY_NAME.decode(urlsafe_b64encode(b"[" * 1200).decode())

    @pytest.mark.parametrize("values", [["yesterday", str(UUID(int=1))], ["2026-01-01", "no-id"]])
    def test_values_of_the_wrong_form_are_refused(self, values: list[str]) -> None:
        with pytest.raises(InvalidCursorError):
            BY_TIME.decode(cursor_of(["people.time", *values]))


class TestPageRequest:
    def test_one_more_row_than_shown_makes_a_next_page(self) -> None:
        request = PageRequest(limit=2)
        page = request.page(["a", "b", "c"], BY_NAME, lambda name: (name, 1))
        assert request.fetch_limit == 3
        assert list(page.items) == ["a", "b"]
        assert page.next is not None
        assert PageRequest(cursor=page.next).after(BY_NAME) == ("b", 1)

    @pytest.mark.parametrize("rows", [[], ["a"], ["a", "b"]])
    def test_a_page_that_is_not_overfull_is_the_last(self, rows: list[str]) -> None:
        page = PageRequest(limit=2).page(rows, BY_NAME, lambda name: (name, 1))
        assert list(page.items) == rows
        assert page.next is None

    def test_the_first_page_starts_nowhere(self) -> None:
        assert PageRequest().after(BY_NAME) is None


class TestListRoute:
    async def test_following_next_sees_every_item_once(self) -> None:
        seen: list[str] = []
        cursor: str | None = None
        async with client_of(create_demo_app()) as client:
            for _ in range(5):
                params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
                page = (await client.get("/api/v1/notes", params=params)).json()
                seen += [item["title"] for item in page["items"]]
                cursor = page["next"]
                if cursor is None:
                    break
        assert seen == [f"note {number}" for number in range(5)]

    @pytest.mark.parametrize("limit", ["0", "201", "many"])
    async def test_limits_are_limited(self, limit: str) -> None:
        async with client_of(create_demo_app()) as client:
            assert_problem(await client.get("/api/v1/notes", params={"limit": limit}), 422)

    async def test_a_garbled_cursor_is_422_with_its_own_code(self) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.get("/api/v1/notes", params={"cursor": "x" * 9})
        assert assert_problem(response, 422)["code"] == "invalid_cursor"
        assert response.json()["errors"][0]["name"] == "cursor"
