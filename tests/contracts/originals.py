"""What every store of originals must do; an adapter's test subclasses this with its own fixture."""

import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from muniment.ports.originals import OriginalMissingError, Originals, OriginalTooLargeError


async def stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def broken_stream(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    raise ConnectionResetError


async def read_all(originals: Originals, key: str) -> bytes:
    return b"".join([block async for block in originals.read(key)])


class OriginalsContract:
    async def test_gives_back_what_was_put(self, originals: Originals) -> None:
        chunks = [b"a" * 70_000, b"", b"b" * 1_500_000, b"\0\xff"]
        stored = await originals.put(originals.new_key(), stream(*chunks), max_bytes=10_000_000)
        content = b"".join(chunks)
        assert stored.size == len(content)
        assert stored.sha256 == hashlib.sha256(content).hexdigest()
        assert await read_all(originals, stored.key) == content

    async def test_puts_it_under_the_key_that_was_chosen_before(self, originals: Originals) -> None:
        key = originals.new_key()
        assert (await originals.put(key, stream(b"content"), max_bytes=10)).key == key
        assert await read_all(originals, key) == b"content"

    async def test_chooses_another_key_each_time(self, originals: Originals) -> None:
        assert len({originals.new_key() for _ in range(100)}) == 100

    async def test_keeps_nothing_of_what_was_deleted_while_it_came(
        self, originals: Originals
    ) -> None:
        key = originals.new_key()

        async def swept_away() -> AsyncIterator[bytes]:
            yield b"a" * 3_000_000
            await originals.delete(key)
            yield b"b" * 3_000_000

        with pytest.raises(OriginalMissingError):
            await originals.put(key, swept_away(), max_bytes=10_000_000)
        with pytest.raises(OriginalMissingError):
            await read_all(originals, key)

    async def test_keeps_an_empty_stream(self, originals: Originals) -> None:
        stored = await originals.put(originals.new_key(), stream(), max_bytes=1)
        assert (stored.size, await read_all(originals, stored.key)) == (0, b"")

    async def test_gives_each_stream_a_key_of_its_own(self, originals: Originals) -> None:
        first = await originals.put(originals.new_key(), stream(b"same"), max_bytes=10)
        second = await originals.put(originals.new_key(), stream(b"same"), max_bytes=10)
        assert first.key != second.key
        await originals.delete(first.key)
        assert await read_all(originals, second.key) == b"same"

    async def test_takes_exactly_as_many_bytes_as_allowed(self, originals: Originals) -> None:
        assert (await originals.put(originals.new_key(), stream(b"12345"), max_bytes=5)).size == 5

    async def test_refuses_one_byte_more(self, originals: Originals) -> None:
        with pytest.raises(OriginalTooLargeError) as refused:
            await originals.put(originals.new_key(), stream(b"123", b"456"), max_bytes=5)
        assert refused.value.limit == 5

    async def test_passes_on_what_broke_the_stream(self, originals: Originals) -> None:
        with pytest.raises(ConnectionResetError):
            await originals.put(originals.new_key(), broken_stream(b"half"), max_bytes=5)

    async def test_gives_a_local_file(self, originals: Originals) -> None:
        stored = await originals.put(originals.new_key(), stream(b"content"), max_bytes=10)
        async with originals.local_file(stored.key) as path:
            assert path.read_bytes() == b"content"

    @pytest.mark.parametrize(
        ("start", "end"),
        [(0, 1), (5, 9), (2_999_999, None), (1_000_000, 2_500_000), (7, 7), (3_000_000, None)],
    )
    async def test_gives_a_part(self, originals: Originals, start: int, end: int | None) -> None:
        content = bytes(range(250)) * 12_000
        key = originals.new_key()
        await originals.put(key, stream(content), max_bytes=len(content))
        part = b"".join([block async for block in originals.read(key, start, end)])
        assert part == content[start:end]

    async def test_deletes_for_good_and_twice_without_error(self, originals: Originals) -> None:
        stored = await originals.put(originals.new_key(), stream(b"content"), max_bytes=10)
        await originals.delete(stored.key)
        await originals.delete(stored.key)
        with pytest.raises(OriginalMissingError):
            await read_all(originals, stored.key)
        with pytest.raises(OriginalMissingError):
            async with originals.local_file(stored.key):
                pass

    @pytest.mark.parametrize("key", ["0" * 32, "../../etc/passwd", "/etc/passwd", "", "a\0b"])
    async def test_knows_no_key_that_it_did_not_give(self, originals: Originals, key: str) -> None:
        with pytest.raises(OriginalMissingError):
            await read_all(originals, key)

    async def test_lists_what_was_stored_and_tells_what_is_missing(
        self, originals: Originals
    ) -> None:
        keys = {originals.new_key() for _ in range(5)}
        for key in keys:
            await originals.put(key, stream(b"content"), max_bytes=10)
        unknown = originals.new_key()
        assert await originals.missing([*keys, unknown]) == {unknown}
        listed = [key async for some in originals.list_keys(timedelta(hours=-1)) for key in some]
        assert sorted(listed) == sorted(keys)
