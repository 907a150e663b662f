"""Uploads: what is refused, and that nothing is left of it."""

import httpx2
import pytest
from starlette.types import ASGIApp, Message

from tests.library.arrange import (
    COLLECTIONS,
    Shelf,
    UnreadBody,
    give,
    jobs_of,
    name_of,
    send,
)
from tests.support.app import ClientMaker
from tests.support.database import TestDatabase

NOBODY = "01a206d8-2662-72a5-a5a8-dcddc16ae947"


class TestRefused:
    @pytest.mark.parametrize(
        ("fields", "status", "code"),
        [
            ({"metadata": "{"}, 422, "invalid_upload_field"),
            ({"metadata": {"a": {"b": 1}}}, 422, "invalid_upload_field"),
            ({"metadata": {"a": "nul\0"}}, 422, "invalid_upload_field"),
            ({"metadata": '{"a": 1e999}'}, 422, "invalid_upload_field"),
            ({"metadata": {"a": 2**60}}, 422, "invalid_upload_field"),
            ({"access": {"anyof": []}}, 422, "invalid_upload_field"),
            ({"access": {"all": [{"attribute": "shoe", "eq": 1}]}}, 422, "attribute_not_usable"),
            ({"access": {"any_of": ["role:sailor"]}}, 422, "unknown_role"),
            ({"access": {"any_of": ["user:https://else.example|x"]}}, 422, "unknown_issuer"),
            ({"access": {"any_of": [f"user:{NOBODY}"]}}, 422, "unknown_user"),
            ({"uri": "two words"}, 422, "invalid_upload_field"),
            ({"owner": "me"}, 422, "invalid_upload"),
            ({"metadata": "x" * 70_000}, 413, "upload_too_large"),
        ],
    )
    async def test_for_a_field(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        stored: Shelf,
        fields: dict[str, object],
        status: int,
        code: str,
    ) -> None:
        response = await send(alice, collection, fields=fields)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert stored.new() == frozenset()

    @pytest.mark.parametrize(
        ("name", "content", "status", "code"),
        [
            ("empty.txt", b"", 422, "empty_file"),
            ("big.txt", b"x" * 200_001, 413, "upload_too_large"),
            ("program.exe", b"MZ\0\0", 415, "unsupported_document"),
            ("fake.txt", b"PK\x03\x04....", 415, "unsupported_document"),
            ("x" * 252 + ".txt", b"words", 422, "invalid_upload"),
            ("..", b"words", 422, "invalid_upload"),
        ],
    )
    async def test_for_a_file(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        stored: Shelf,
        name: str,
        content: bytes,
        status: int,
        code: str,
    ) -> None:
        response = await send(alice, collection, name, content)
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert stored.new() == frozenset()

    async def test_in_the_words_of_who_sent_it(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        """One fault for a value, at its place in the form, without words of the validator."""
        fields = {"metadata": {"a": {"b": 1}, "c": 2**60}}
        faults = (await send(alice, collection, fields=fields)).json()["errors"]
        assert [fault["pointer"] for fault in faults] == ["/metadata/a", "/metadata/c"]
        assert faults[1]["detail"].startswith("a whole number has at most 53 bits")
        rule = {"all": [{"attribute": "clearance", "in": [{}]}]}
        faults = (await send(alice, collection, fields={"access": rule})).json()["errors"]
        assert [fault["pointer"] for fault in faults] == ["/access/all/0/in/0"]

    async def test_naming_the_type_that_was_sent(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        files = {"file": ("table.dat", b"\x00\x01", "text/x-table; header=present")}
        response = await alice.post(f"{COLLECTIONS}/{collection}/documents", files=files)
        assert response.status_code == 415
        assert "is of the type text/x-table, which" in response.json()["detail"]

    async def test_for_too_many_files(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf
    ) -> None:
        files = [("file", (f"{number}.txt", b"words")) for number in range(4)]
        response = await alice.post(f"{COLLECTIONS}/{collection}/documents", files=files)
        assert (response.status_code, response.json()["code"]) == (413, "upload_too_large")
        assert stored.new() == frozenset()

    async def test_for_two_files_of_one_name(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf
    ) -> None:
        files = [("file", (name, b"words")) for name in ("a/x.txt", "b/x.txt")]
        response = await alice.post(f"{COLLECTIONS}/{collection}/documents", files=files)
        assert response.json()["errors"][0]["code"] == "name_twice"
        assert stored.new() == frozenset()

    async def test_by_the_announced_length_before_a_byte_is_read(
        self, alice: httpx2.AsyncClient, collection: str
    ) -> None:
        response = await alice.post(
            f"{COLLECTIONS}/{collection}/documents",
            content=UnreadBody(),
            headers={
                "Content-Type": "multipart/form-data; boundary=x",
                "Content-Length": "400001",
            },
        )
        assert (response.status_code, response.json()["code"]) == (413, "upload_too_large")

    @pytest.mark.parametrize(
        ("content_type", "body", "status"),
        [
            ("application/json", b"{}", 415),
            ("multipart/form-data", b"", 400),
            ("multipart/form-data; boundary=x", b"", 400),
            ("multipart/form-data; boundary=x", b"no form at all", 400),
            ("multipart/form-data; boundary=x", b"--x--\r\n", 422),
            ("multipart/form-data; boundary=x", b"--x\r\nX: y\r\n\r\nwords\r\n--x--\r\n", 400),
        ],
    )
    async def test_for_what_is_no_form(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        content_type: str,
        body: bytes,
        status: int,
    ) -> None:
        path = f"{COLLECTIONS}/{collection}/documents"
        response = await alice.post(path, content=body, headers={"Content-Type": content_type})
        assert response.status_code == status, response.text

    async def test_when_the_body_breaks_off(
        self, alice: httpx2.AsyncClient, collection: str, stored: Shelf, database: TestDatabase
    ) -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nwor'
        response = await alice.post(
            f"{COLLECTIONS}/{collection}/documents",
            content=body,
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert (response.status_code, response.json()["code"]) == (400, "malformed_upload")
        assert stored.new() == frozenset()
        assert await jobs_of(database) == []

    async def test_when_the_client_goes_away(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        stored: Shelf,
        app: ASGIApp,
        database: TestDatabase,
    ) -> None:
        start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n'
        coming: list[Message] = [
            {"type": "http.request", "body": start + b"w" * 5000, "more_body": True},
            {"type": "http.disconnect"},
        ]
        messages = iter(coming)
        statuses: list[int] = []

        async def receive() -> Message:
            return next(messages)

        async def note(message: Message) -> None:
            statuses.append(message.get("status", 0))

        headers = [
            (b"authorization", alice.headers["Authorization"].encode()),
            (b"content-type", b"multipart/form-data; boundary=x"),
        ]
        path = f"{COLLECTIONS}/{collection}/documents"
        scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "server": ("127.0.0.1", 80),
            "scheme": "http",
        }
        await app(scope, receive, note)
        assert statuses[0] == 400
        assert stored.new() == frozenset()
        assert await jobs_of(database) == []


class TestBodyStaysUnread:
    """The caller is known, and may add, before the first byte is taken."""

    @pytest.mark.parametrize(
        ("user", "roles", "status"),
        [
            (None, [], 401),
            ("alice", [], 403),
            ("mallory", ["member"], 404),
            ("bob", ["member"], 403),
        ],
    )
    async def test_of_who_may_not_add(
        self,
        alice: httpx2.AsyncClient,
        collection: str,
        client_of: ClientMaker,
        user: str | None,
        roles: list[str],
        status: int,
    ) -> None:
        await give(alice, collection, await name_of(client_of("bob")), "reader")

        response = await client_of(user, roles=roles).post(
            f"{COLLECTIONS}/{collection}/documents",
            content=UnreadBody(),
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert response.status_code == status
