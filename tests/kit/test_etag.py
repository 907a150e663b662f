from uuid import UUID

import pytest

from muniment.kit.errors import MalformedRequestError
from muniment.kit.etag import (
    IfMatch,
    PreconditionFailedError,
    PreconditionRequiredError,
    make_etag,
)
from tests.support.demo_app import KNOWN, create_demo_app
from tests.support.problem_walk import assert_problem, client_of

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
