import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from urllib.parse import quote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.identity.names import MAX_NAME_LENGTH
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

    @pytest.mark.parametrize("sign", ["a", "é", "漢", "\U0001f600", '"', "\\", "\x7f"])
    def test_a_name_may_be_as_long_as_names_get(self, sign: str) -> None:
        key = (sign * MAX_NAME_LENGTH, 1)
        assert BY_NAME.decode(BY_NAME.encode(key)) == key

    def test_a_cursor_can_stand_in_an_address_as_it_is(self) -> None:
        cursor = BY_NAME.encode(("\u00ff?>~ \U0001f600", 1))
        assert quote(cursor, safe="") == cursor

    @given(st.datetimes(timezones=st.timezones()), st.uuids())
    def test_a_moment_comes_back_whatever_its_offset(self, moment: datetime, name: UUID) -> None:
        try:
            in_utc = moment.astimezone(UTC)
        except OverflowError:
            return
        assert BY_TIME.decode(BY_TIME.encode((moment, name))) == (in_utc, name)

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

    @pytest.mark.parametrize(
        "moment",
        [
            "yesterday",
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2026-01-01T00:00:00+24:00",
        ],
    )
    def test_a_moment_that_no_row_could_have_is_refused(self, moment: str) -> None:
        with pytest.raises(InvalidCursorError):
            BY_TIME.decode(cursor_of(["people.time", moment, str(UUID(int=1))]))

    def test_values_of_the_wrong_form_are_refused(self) -> None:
        moment = "2026-01-01T00:00:00+00:00"
        assert BY_TIME.decode(cursor_of(["people.time", moment, str(UUID(int=1))]))
        for wrong in ("no-id", 1, None, ""):
            with pytest.raises(InvalidCursorError):
                BY_TIME.decode(cursor_of(["people.time", moment, wrong]))

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e10"])
    def test_a_number_that_is_none_is_refused(self, number: str) -> None:
        by_score = Ordering("people.score", (float,))
        raw = f'["people.score",{number}]'.encode()
        with pytest.raises(InvalidCursorError):
            by_score.decode(urlsafe_b64encode(raw).decode())

    def test_one_that_is_too_long_is_not_even_read(self) -> None:
        padded = cursor_of(["people.name", "x" * 4000, 1])
        with pytest.raises(InvalidCursorError):
            BY_NAME.decode(padded)


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
