"""Forms of uploads, read from bytes: what they give, what tells them apart, what is refused."""

from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from muniment.identity.settings import IdentitySettings
from muniment.kit.errors import MunimentError
from muniment.library.errors import (
    EmptyFileError,
    InvalidUploadError,
    InvalidUploadFieldError,
    UnsupportedDocumentError,
    UploadTooLargeError,
)
from muniment.library.service.form import (
    MAX_FIELD_BYTES,
    ReceivedForm,
    UploadFormReader,
    read_name,
)
from muniment.library.service.intake import Deposit
from muniment.library.service.rule_check import RuleCheck
from muniment.library.settings import UploadSettings
from muniment.ports.originals import StoredOriginal
from tests.support.fake_originals import FakeOriginals

SETTINGS = UploadSettings.model_validate(
    {"max_bytes": 20_000, "max_files": 2, "max_request_bytes": 100_000}
)
LEAVE = ("file", "leave.txt", b"Thirty days of leave.")
Part = tuple[str, str | None, bytes]


def body_of(parts: Sequence[Part], boundary: str = "edge") -> bytes:
    written = b""
    for name, filename, content in parts:
        named = "" if filename is None else f'; filename="{filename}"'
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'
        written += head.encode() + content + b"\r\n"
    return written + f"--{boundary}--\r\n".encode()


async def pieces(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


class StraightIn(Deposit):
    """Stores bytes without a word to any database."""

    def __init__(self, originals: FakeOriginals) -> None:
        self._originals = originals

    @override
    async def store(self, chunks: AsyncIterator[bytes], *, max_bytes: int) -> StoredOriginal:
        key = self._originals.new_key()
        return await self._originals.put(key, chunks, max_bytes=max_bytes)


class Reading:
    """One form on its way in, and the store that it fills."""

    def __init__(self) -> None:
        self.originals = FakeOriginals()
        self.form = ReceivedForm()

    async def take(self, *parts: Part, size: int = 1000, boundary: str = "edge") -> ReceivedForm:
        reader = UploadFormReader(
            StraightIn(self.originals),
            SETTINGS,
            ["text/plain", "text/markdown"],
            RuleCheck.by(IdentitySettings(attributes={"clearance": "int"})),
        )
        content_type = f"multipart/form-data; boundary={boundary}"
        body = body_of(parts, boundary)
        await reader.read(content_type, pieces(body, size), self.form)
        return self.form

    async def refused(self, kind: type[MunimentError], *parts: Part) -> MunimentError:
        with pytest.raises(kind) as caught:
            await self.take(*parts)
        # Whatever was stored by then is known, so that it can be removed.
        assert set(self.form.keys()) == set(self.originals.files)
        return caught.value


class TestName:
    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ("leave.txt", "leave.txt"),
            ("a/b/leave.txt", "leave.txt"),
            ("C:\\papers\\leave.txt", "leave.txt"),
            ("\\\\server\\share/leave.txt", "leave.txt"),
            ("  leave.txt ", "leave.txt"),
            (".env", ".env"),
            ("...", "..."),
            ("休暇.txt", "休暇.txt"),
            ("إجازة.txt", "إجازة.txt"),
            ("a\u200cb.txt", "a\u200cb.txt"),
            ("x" * 255, "x" * 255),
            ("\U0001f3d6" * 255, "\U0001f3d6" * 255),
        ],
    )
    def test_is_the_last_part_of_a_path(self, given: str, kept: str) -> None:
        assert read_name(given) == kept

    @pytest.mark.parametrize(
        "given",
        [
            None, "", " ", "/", "a/", "a\\", ".", "..", "a/..", "x" * 256, "nul\0.txt", "a\nb.txt",
            "esc\x1b.txt", "c1\x9b.txt", "del\x7f.txt",
        ],
    )  # fmt: skip
    def test_that_is_none_is_refused(self, given: str | None) -> None:
        with pytest.raises(InvalidUploadError) as caught:
            read_name(given)
        assert [fault.where for fault in caught.value.errors] == ["/file"]


class TestForm:
    async def test_holds_what_was_said_about_all_files(self) -> None:
        form = await Reading().take(
            ("metadata", None, b'{"year": 2026}'),
            LEAVE,
            ("file", "pay.md", b"# Pay"),
            ("access", None, b'{"all": [{"attribute": "clearance", "gte": 3}]}'),
        )
        uploads = form.uploads()
        assert [(one.name, one.media_type) for one in uploads] == [
            ("leave.txt", "text/plain"),
            ("pay.md", "text/markdown"),
        ]
        for one in uploads:
            assert one.metadata == {"year": 2026}
            assert one.access is not None
            assert one.identity == f"name:{one.name}"

    async def test_of_one_file_may_say_where_it_comes_from(self) -> None:
        form = await Reading().take(LEAVE, ("uri", None, b"https://x/leave"))
        assert [one.identity for one in form.uploads()] == ["uri:https://x/leave"]

    async def test_null_says_as_little_as_nothing(self) -> None:
        form = await Reading().take(LEAVE, ("metadata", None, b" null "), ("access", None, b"null"))
        [upload] = form.uploads()
        assert (upload.metadata, upload.access) == (None, None)
        emptied = await Reading().take(LEAVE, ("metadata", None, b"{}"), ("access", None, b"{}"))
        [upload] = emptied.uploads()
        assert upload.metadata == {}
        assert upload.access is not None

    @given(st.binary(min_size=1, max_size=9000), st.integers(1, 5000))
    async def test_keeps_every_byte_however_it_comes(self, content: bytes, size: int) -> None:
        # Otherwise it would pass for another kind of file.
        content = b"text " + content.replace(b"\0", b" ").replace(b"--edge", b"")
        reading = Reading()
        form = await reading.take(("file", "a.txt", content), size=size)
        [upload] = form.uploads()
        assert reading.originals.files[upload.original.key] == content
        assert upload.original.size == len(content)


class TestFingerprint:
    WHOLE: tuple[Part, ...] = (
        LEAVE,
        ("uri", None, b"https://x/a"),
        ("metadata", None, b'{"year": 2026}'),
        ("access", None, b'{"any_of": ["everyone"]}'),
    )

    async def test_is_that_of_the_same_form_sent_again(self) -> None:
        first = await Reading().take(*self.WHOLE)
        again = await Reading().take(*reversed(self.WHOLE), size=7, boundary="another")
        assert again.fingerprint_parts() == first.fingerprint_parts()

    @pytest.mark.parametrize(
        "other",
        [
            ("file", "leave2.txt", b"Thirty days of leave."),
            ("file", "leave.txt", b"Forty days of leave."),
            ("uri", None, b"https://x/b"),
            ("metadata", None, b'{"year": 2027}'),
            ("access", None, b'{"any_of": []}'),
        ],
    )
    async def test_changes_with_every_part(self, other: Part) -> None:
        first = await Reading().take(*self.WHOLE)
        changed = [other if part[0] == other[0] else part for part in self.WHOLE]
        second = await Reading().take(*changed)
        assert second.fingerprint_parts() != first.fingerprint_parts()

    @pytest.mark.parametrize("field", ["uri", "metadata", "access"])
    async def test_tells_a_field_that_is_absent(self, field: str) -> None:
        first = await Reading().take(*self.WHOLE)
        second = await Reading().take(*(part for part in self.WHOLE if part[0] != field))
        assert second.fingerprint_parts() != first.fingerprint_parts()


class TestRefused:
    @pytest.mark.parametrize(
        ("parts", "pointer", "code"),
        [
            ([], "/file", "missing"),
            ([("metadata", None, b"{}")], "/file", "missing"),
            ([LEAVE, ("owner", None, b"me")], "/", "unknown_field"),
            ([LEAVE, ("uri", None, b"x:1"), ("uri", None, b"x:1")], "/uri", "field_twice"),
            ([LEAVE, ("uri", None, b"\xff")], "/uri", "not_utf8"),
            ([LEAVE, LEAVE], "/file", "name_twice"),
            ([LEAVE, ("file", "b.txt", b"b"), ("uri", None, b"x:1")], "/uri", "one_file_only"),
        ],
    )
    async def test_for_its_parts(self, parts: list[Part], pointer: str, code: str) -> None:
        error = await Reading().refused(InvalidUploadError, *parts)
        assert [(fault.where, fault.code) for fault in error.errors] == [(pointer, code)]

    @pytest.mark.parametrize(
        ("field", "content", "pointers"),
        [
            ("metadata", b"", {"/metadata"}),
            ("metadata", b"[]", {"/metadata"}),
            ("metadata", b'{"a/b": 1}', {"/metadata/a~1b"}),
            ("metadata", b'{"~": 1}', {"/metadata/~0"}),
            ("access", b'{"any_of": ["eng"]}', {"/access/any_of/0"}),
            ("access", b'{"all": [{"attribute": "clearance"}]}', {"/access/all/0"}),
            ("uri", b"two words", {"/uri"}),
            ("uri", b"x" * 2049, {"/uri"}),
        ],
    )
    async def test_for_a_field_at_its_pointer(
        self, field: str, content: bytes, pointers: set[str]
    ) -> None:
        error = await Reading().refused(InvalidUploadFieldError, LEAVE, (field, None, content))
        assert {fault.where for fault in error.errors} == pointers

    async def test_for_a_field_that_is_too_long(self) -> None:
        long = b" " * (MAX_FIELD_BYTES + 1)
        await Reading().refused(UploadTooLargeError, LEAVE, ("metadata", None, long))
        exact = b" " * (MAX_FIELD_BYTES - 2) + b"{}"
        form = await Reading().take(LEAVE, ("metadata", None, exact))
        assert form.metadata == {}

    async def test_for_more_files_than_are_taken(self) -> None:
        files: list[Part] = [("file", f"{number}.txt", b"words") for number in range(3)]
        error = await Reading().refused(UploadTooLargeError, *files)
        assert error.detail == "A request may have 2 files at most."

    async def test_for_a_file_that_is_too_large_and_named(self) -> None:
        await Reading().take(("file", "fits.txt", b"x" * 20_000))
        error = await Reading().refused(UploadTooLargeError, ("file", "big.txt", b"x" * 20_001))
        assert "'big.txt'" in error.detail

    async def test_for_more_than_a_request_may_bring(self) -> None:
        wide = b" " * 60_000
        metadata, access = ("metadata", None, b"{}" + wide), ("access", None, b"null" + wide)
        await Reading().take(LEAVE, metadata)
        error = await Reading().refused(UploadTooLargeError, LEAVE, metadata, access)
        assert error.detail == "A request may have 100000 bytes at most."

    async def test_for_an_empty_file(self) -> None:
        await Reading().refused(EmptyFileError, ("file", "empty.txt", b""))

    async def test_for_a_kind_that_is_not_read_with_those_that_are(self) -> None:
        error = await Reading().refused(
            UnsupportedDocumentError, LEAVE, ("file", "page.html", b"<html>")
        )
        assert "text/html" in error.detail
        assert error.hint == "Files are read that end in .txt, .text, .log, .md, .markdown."
