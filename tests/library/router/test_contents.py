"""Downloads, and how a caller says which form of a text is wanted."""

from collections.abc import AsyncIterator
from hashlib import sha256
from urllib.parse import unquote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.library.router.contents import download_headers
from muniment.library.service.contents import OriginalContent
from tests.library.arrange import DOCUMENTS, Shelf, add, give, make_collection, mark_ready, send
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase


async def nothing() -> AsyncIterator[bytes]:
    yield b""


def disposition(name: str) -> str:
    content = OriginalContent(name, "text/plain", 3, '"tag"', None, nothing())
    return download_headers(content)["Content-Disposition"]


class TestDownloadHeaders:
    @given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60))
    def test_give_the_whole_name_and_nothing_else_whatever_it_holds(self, name: str) -> None:
        header = disposition(name)
        plain, _, encoded = header.partition("; filename*=UTF-8''")
        assert unquote(encoded) == name
        assert header.isascii()
        assert header.isprintable()
        # A quote, a backslash or a semicolon of the name must not end the plain form early.
        value = plain.removeprefix('attachment; filename="').removesuffix('"')
        assert len(value) == len(name)
        assert not set('"\\%') & set(value)
        assert not set("\"\\'; ") & set(encoded)

    @pytest.mark.parametrize(
        ("name", "plain"),
        [
            ("leave.txt", "leave.txt"),
            ("100%.txt", "100_.txt"),
            ('a"; filename="b', "a_; filename=_b"),
            ("休暇.txt", "__.txt"),
            ("a\r\nSet-Cookie: x", "a__Set-Cookie: x"),
        ],
    )
    def test_give_old_clients_a_name_that_is_plain(self, name: str, plain: str) -> None:
        assert disposition(name).startswith(f'attachment; filename="{plain}"; filename*=')


class TestEachCaller:
    """Text, bytes and progress of a document are closed to whom its row is closed."""

    @pytest.mark.parametrize(
        ("user", "groups", "tenant", "roles", "status"),
        [
            ("alice", (), "default", ("member",), 200),
            ("bob", ("/eng/search",), "default", ("member",), 200),
            ("bob", (), "default", ("member",), 404),
            ("bob", ("/eng",), "other", ("member",), 404),
            ("bob", ("/eng",), "default", (), 403),
            ("bob", ("/eng",), "default", ("admin",), 403),
            (None, (), "default", (), 401),
        ],
        ids=["owner", "granted", "stranger", "other tenant", "no role", "admin", "nobody"],
    )
    async def test_gets_all_or_nothing(
        self,
        client_of: ClientMaker,
        database: TestDatabase,
        user: str | None,
        groups: tuple[str, ...],
        tenant: str,
        roles: tuple[str, ...],
        status: int,
    ) -> None:
        alice = client_of("alice")
        collection = await make_collection(alice)
        await give(alice, collection, "group:/eng", "reader")
        document = await add(alice, collection, "plan.txt", b"The plan.")
        await mark_ready(database, document, "The plan.\nMore.")
        caller = client_of(user, groups=groups, tenant=tenant, roles=roles)
        for part in ("", "/text", "/content", "/versions", "/events"):
            answer = await caller.get(f"{DOCUMENTS}/{document}{part}")
            assert answer.status_code == status, part
            if status != 200:
                assert "plan" not in answer.text


CONTENT = b"0123456789"


@pytest.fixture
async def original(client_of: ClientMaker) -> str:
    """The address of ten bytes."""
    alice = client_of("alice")
    return f"{DOCUMENTS}/{await add(alice, await make_collection(alice), content=CONTENT)}/content"


class TestParts:
    @pytest.fixture
    def alice(self, client_of: ClientMaker) -> httpx2.AsyncClient:
        return client_of("alice")

    async def test_are_offered_with_the_whole(
        self, alice: httpx2.AsyncClient, original: str
    ) -> None:
        whole = await alice.get(original)
        assert (whole.status_code, whole.content) == (200, CONTENT)
        assert whole.headers["Accept-Ranges"] == "bytes"
        assert whole.headers["ETag"] == f'"{sha256(CONTENT).hexdigest()}"'
        assert "Content-Range" not in whole.headers

    @pytest.mark.parametrize(
        ("header", "content", "place"),
        [
            ("bytes=0-3", b"0123", "bytes 0-3/10"),
            ("bytes=7-", b"789", "bytes 7-9/10"),
            ("bytes=-2", b"89", "bytes 8-9/10"),
            ("bytes=9-500", b"9", "bytes 9-9/10"),
        ],
    )
    async def test_are_given_with_their_place(
        self, alice: httpx2.AsyncClient, original: str, header: str, content: bytes, place: str
    ) -> None:
        part = await alice.get(original, headers={"Range": header})
        assert (part.status_code, part.content) == (206, content)
        assert part.headers["Content-Range"] == place
        assert part.headers["Content-Length"] == str(len(content))
        assert part.headers["Content-Disposition"].startswith("attachment")

    @pytest.mark.parametrize("header", ["bytes=0-1,4-5", "lines=1-2", "bytes=5-2"])
    async def test_are_the_whole_where_not_a_single_one_is_asked_for(
        self, alice: httpx2.AsyncClient, original: str, header: str
    ) -> None:
        whole = await alice.get(original, headers={"Range": header})
        assert (whole.status_code, whole.content) == (200, CONTENT)

    async def test_beyond_the_end_are_refused_with_the_size(
        self, alice: httpx2.AsyncClient, original: str
    ) -> None:
        refused = await alice.get(original, headers={"Range": "bytes=10-"})
        assert (refused.status_code, refused.json()["code"]) == (416, "range_not_satisfiable")
        assert refused.headers["Content-Range"] == "bytes */10"

    async def test_are_of_what_the_caller_has_begun_with_or_all_of_the_new(
        self, alice: httpx2.AsyncClient, original: str
    ) -> None:
        tag = (await alice.get(original)).headers["ETag"]
        headers = {"Range": "bytes=5-", "If-Range": tag}
        assert (await alice.get(original, headers=headers)).content == CONTENT[5:]
        collection = (await alice.get(original.removesuffix("/content"))).json()["collection_id"]
        await send(alice, collection, content=b"abcdefghijkl")
        changed = await alice.get(original, headers=headers)
        assert (changed.status_code, changed.content) == (200, b"abcdefghijkl")
        old = await alice.get(original, headers=headers, params={"version": 1})
        assert (old.status_code, old.content) == (206, CONTENT[5:])

    @pytest.mark.parametrize(("user", "status"), [(None, 401), ("bob", 404)])
    @pytest.mark.parametrize("verb", ["GET", "HEAD"])
    async def test_say_nothing_to_whom_the_document_is_closed(
        self, client_of: ClientMaker, original: str, user: str | None, status: int, verb: str
    ) -> None:
        headers = {"Range": "bytes=10-"}
        refused = await client_of(user).request(verb, original, headers=headers)
        assert refused.status_code == status
        assert not {"Content-Range", "ETag", "Accept-Ranges"} & {*refused.headers}


class TestHead:
    @pytest.fixture
    def alice(self, client_of: ClientMaker) -> httpx2.AsyncClient:
        return client_of("alice")

    @pytest.mark.parametrize("headers", [{}, {"Range": "bytes=2-3"}, {"Range": "bytes=99-"}])
    async def test_gives_the_headers_of_the_whole_without_the_bytes(
        self, alice: httpx2.AsyncClient, original: str, headers: dict[str, str]
    ) -> None:
        """A range has no meaning but for GET (RFC 9110, 14.2)."""
        whole = await alice.get(original)
        described = await alice.head(original, headers=headers)
        assert (described.status_code, described.content) == (200, b"")
        own = {"x-request-id", "date"}
        assert {k: v for k, v in described.headers.items() if k not in own} == {
            k: v for k, v in whole.headers.items() if k not in own
        }

    async def test_tells_that_the_original_is_gone(
        self, stored: Shelf, alice: httpx2.AsyncClient, original: str
    ) -> None:
        for file in stored.new():
            file.unlink()
        assert (await alice.head(original)).status_code == 404


class TestVersions:
    @pytest.fixture
    def alice(self, client_of: ClientMaker) -> httpx2.AsyncClient:
        return client_of("alice")

    async def test_come_newest_first_in_pages_each_with_its_hash(
        self, alice: httpx2.AsyncClient
    ) -> None:
        collection = await make_collection(alice)
        document = await add(alice, collection, content=b"one")
        for content in (b"two", b"three"):
            await send(alice, collection, content=content)
        path = f"{DOCUMENTS}/{document}/versions"
        first = (await alice.get(path, params={"limit": 2})).json()
        second = (await alice.get(path, params={"limit": 2, "cursor": first["next"]})).json()
        versions = first["items"] + second["items"]
        assert [(one["number"], one["bytes"]) for one in versions] == [(3, 5), (2, 3), (1, 3)]
        assert versions[2]["sha256"].startswith("7692c3ad3540bb803c020b3aee66cd88")
        assert second["next"] is None

    @pytest.mark.parametrize("number", ["0", "-1", "2147483648", "one", ""])
    async def test_have_numbers_that_can_be(self, alice: httpx2.AsyncClient, number: str) -> None:
        document = await add(alice, await make_collection(alice))
        for part in ("text", "content"):
            path = f"{DOCUMENTS}/{document}/{part}"
            answer = await alice.get(path, params={"version": number})
            assert answer.status_code == 422
            assert [fault["name"] for fault in answer.json()["errors"]] == ["version"]

    async def test_that_are_missing_are_told_apart_from_a_missing_document(
        self, alice: httpx2.AsyncClient
    ) -> None:
        document = await add(alice, await make_collection(alice))
        answer = await alice.get(f"{DOCUMENTS}/{document}/content", params={"version": 2})
        assert (answer.status_code, answer.json()["code"]) == (404, "version_not_found")
        fresh = await alice.get(f"{DOCUMENTS}/{document}/text")
        assert (fresh.status_code, fresh.json()["code"]) == (409, "text_not_ready")
