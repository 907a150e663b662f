"""Downloads, and how a caller says which form of a text is wanted."""

from collections.abc import AsyncIterator
from urllib.parse import unquote

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.library.router.contents import download_headers
from muniment.library.service.contents import OriginalContent
from tests.library.arrange import DOCUMENTS, add, give, make_collection, mark_ready, send
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase


async def nothing() -> AsyncIterator[bytes]:
    yield b""


def disposition(name: str) -> str:
    content = OriginalContent(name, "text/plain", 3, nothing())
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
