from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.kit.errors import MalformedRequestError
from muniment.kit.etag import (
    IfMatch,
    PreconditionFailedError,
    PreconditionRequiredError,
    make_etag,
)
from tests.support.demo_app import KNOWN, create_demo_app
from tests.support.growth import grows_in_proportion
from tests.support.problem_walk import assert_problem, client_of

TAG_WORDS = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters='"\x7f'), max_size=4
)
"""What may stand in an entity tag (RFC 9110, 8.8.3), commas and W/ included."""

ETAG = make_etag(UUID(int=10), 3)


class TestMakeEtag:
    def test_differs_by_object_and_revision(self) -> None:
        tags = {make_etag(UUID(int=n), revision) for n in (1, 2) for revision in (1, 2)}
        assert len(tags) == 4
        assert ETAG == '"0000000000000000000000000000000a.3"'


class TestIfMatch:
    @pytest.mark.parametrize(
        "header", [ETAG, f'"other", {ETAG}', f'W/"weak" , {ETAG}', "*", " * ", f" {ETAG} "]
    )
    def test_lets_pass_what_names_the_revision(self, header: str) -> None:
        IfMatch.parse(header).check(ETAG)

    @pytest.mark.parametrize("header", ['"other"', f"W/{ETAG}", '""', '"a","b"'])
    def test_refuses_other_and_weak_tags(self, header: str) -> None:
        with pytest.raises(PreconditionFailedError):
            IfMatch.parse(header).check(ETAG)

    @pytest.mark.parametrize(
        "header", ["", "abc", '"abc', 'abc"', '"a" "b"', '"a",', '*, "a"', 'w/"a"']
    )
    def test_refuses_what_is_no_list_of_tags(self, header: str) -> None:
        with pytest.raises(MalformedRequestError):
            IfMatch.parse(header)

    @given(
        st.lists(st.tuples(st.booleans(), TAG_WORDS), min_size=1, max_size=5),
        st.sampled_from([",", ", ", " ,\t", "  ,"]),
        TAG_WORDS,
    )
    def test_only_a_strong_tag_of_the_list_matches(
        self, tags: list[tuple[bool, str]], comma: str, wanted: str
    ) -> None:
        header = comma.join(f'{"W/" if weak else ""}"{word}"' for weak, word in tags)
        expected = IfMatch.parse(header)
        if (False, wanted) in tags:
            expected.check(f'"{wanted}"')
        else:
            with pytest.raises(PreconditionFailedError):
                expected.check(f'"{wanted}"')

    @pytest.mark.parametrize("unit", ['"a",', '"', "W/", ' "a" ', ","])
    def test_takes_time_in_proportion_to_its_length(self, unit: str) -> None:
        def parse(units: int) -> None:
            with suppress(MalformedRequestError):
                IfMatch.parse(unit * units)

        assert grows_in_proportion(parse, few=8_000)

    def test_what_is_no_list_is_named_by_its_header(self) -> None:
        with pytest.raises(MalformedRequestError) as caught:
            IfMatch.parse("abc")
        (fault,) = caught.value.errors
        assert (fault.place, fault.where, fault.code) == ("header", "If-Match", "malformed_etag")

    def test_is_required(self) -> None:
        with pytest.raises(PreconditionRequiredError):
            IfMatch.parse(None)


class TestChangingRoute:
    @pytest.mark.parametrize(
        ("header", "status"), [(None, 428), ('"old"', 412), ("old", 400), ("*", 200)]
    )
    async def test_answers_as_the_rfcs_say(self, header: str | None, status: int) -> None:
        async with client_of(create_demo_app()) as client:
            response = await client.patch(
                f"/api/v1/notes/{KNOWN}",
                json={"title": "x"},
                headers={"If-Match": header} if header else {},
            )
        assert response.status_code == status
        if status != 200:
            assert_problem(response, status)

    async def test_the_tag_that_was_read_can_be_sent_back(self) -> None:
        address = f"/api/v1/notes/{KNOWN}"
        async with client_of(create_demo_app()) as client:
            etag = (await client.get(address)).headers["etag"]
            response = await client.patch(address, json={"title": "x"}, headers={"If-Match": etag})
        assert response.status_code == 200
