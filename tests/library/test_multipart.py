"""The reader of forms: however the bytes are cut, and whatever they hold."""

from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.kit.errors import MunimentError, UnsupportedMediaTypeError
from muniment.library.errors import MalformedUploadError, UploadTooLargeError
from muniment.library.multipart import MultipartReader, PartHead

TYPE = "multipart/form-data; boundary=edge"


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


def part(content: bytes, disposition: str, *headers: str) -> bytes:
    head = "\r\n".join([f"Content-Disposition: {disposition}", *headers])
    return b"--edge\r\n" + head.encode() + b"\r\n\r\n" + content + b"\r\n"


async def read_all(
    body: bytes, size: int = 7, content_type: str = TYPE
) -> list[tuple[PartHead, bytes]]:
    reader = MultipartReader(content_type, cut(body, size))
    found = []
    while (head := await reader.next_part()) is not None:
        found.append((head, b"".join([chunk async for chunk in reader.content()])))
    return found


class TestParts:
    @given(
        contents=st.lists(
            st.binary(max_size=40)
            | st.sampled_from([b"\r\n--edg", b"--edge", b"\r\n", b"-" * 30, b"\r\n--edgy\r\n"]),
            min_size=1,
            max_size=3,
        ),
        size=st.integers(min_value=1, max_value=64),
    )
    async def test_come_back_however_the_body_is_cut(
        self, contents: list[bytes], size: int
    ) -> None:
        contents = [content for content in contents if b"\r\n--edge" not in content]
        body = b"".join(part(content, 'form-data; name="file"') for content in contents)
        found = await read_all(body + b"--edge--\r\n", size)
        assert [content for _, content in found] == contents

    async def test_say_what_they_are(self) -> None:
        head = 'form-data; name="file"; filename="ümläut.txt"'
        body = part(b"x", head, "Content-Type: text/plain") + b"--edge--"
        [(found, _)] = await read_all(body)
        assert found == PartHead("file", "ümläut.txt", "text/plain")

    async def test_may_be_skipped(self) -> None:
        body = part(b"a" * 50, 'form-data; name="a"') + part(b"b", 'form-data; name="b"')
        reader = MultipartReader(TYPE, cut(body + b"--edge--", 9))
        heads = [await reader.next_part() for _ in range(3)]
        assert [head and head.name for head in heads] == ["a", "b", None]


class TestRefused:
    @pytest.mark.parametrize(
        "content_type",
        ["text/plain", "multipart/mixed; boundary=edge", ""],
    )
    def test_what_is_no_form(self, content_type: str) -> None:
        with pytest.raises(UnsupportedMediaTypeError):
            MultipartReader(content_type, cut(b"", 1))

    @pytest.mark.parametrize("boundary", ["", "x" * 71])
    def test_a_boundary_that_cannot_be(self, boundary: str) -> None:
        with pytest.raises(MalformedUploadError):
            MultipartReader(f"multipart/form-data; boundary={boundary}", cut(b"", 1))

    @pytest.mark.parametrize(
        ("body", "error"),
        [
            (b"", MalformedUploadError),
            (b"words", MalformedUploadError),
            (part(b"x", 'form-data; name="a"'), MalformedUploadError),
            (part(b"x", "form-data"), MalformedUploadError),
            (part(b"x", 'attachment; name="a"'), MalformedUploadError),
            (part(b"x", 'form-data; name="a"', "X: 1", "X: 2"), MalformedUploadError),
            (
                part(b"x", 'form-data; name="a"', "Content-Transfer-Encoding: base64"),
                MalformedUploadError,
            ),
            (part(b"x", 'form-data; name="a"', "X: " + "y" * 5000), MalformedUploadError),
            (
                part(b"x", 'form-data; name="a"', *(f"X{n}: " + "y" * 3000 for n in range(3))),
                UploadTooLargeError,
            ),
            (
                part(b"x", 'form-data; name="a"', *(f"X{n}: y" for n in range(9))),
                MalformedUploadError,
            ),
            (
                b'--edge\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--edge--',
                MalformedUploadError,
            ),
        ],
    )
    async def test_what_a_client_got_wrong(self, body: bytes, error: type[MunimentError]) -> None:
        with pytest.raises(error):
            await read_all(body)
