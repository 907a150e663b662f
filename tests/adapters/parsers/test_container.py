"""What is refused before or while a zip container is opened."""

import random
import struct
import zipfile
from pathlib import Path

import pytest
from pydantic import ByteSize

from muniment.adapters.parsers.container import ContainerKind, ContainerSettings, open_container
from muniment.ports.parsing import ParseError

KIND = ContainerKind("a letter", ".letter", old_ending=".old")
WITHOUT_OLD = ContainerKind("a letter", ".letter")


def archive(path: Path, parts: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as container:
        for name, content in parts.items():
            container.writestr(name, content)
    return path


def read(path: Path, name: str, kind: ContainerKind = KIND, limit: int = 2**27) -> bytes | None:
    with open_container(path, ContainerSettings(max_inflated=ByteSize(limit)), kind) as container:
        return container.read(name)


def failure(path: Path, kind: ContainerKind = KIND, limit: int = 2**27) -> ParseError:
    with pytest.raises(ParseError) as caught:
        read(path, "a", kind, limit)
    return caught.value


class TestOpenContainer:
    def test_parts_are_read_by_name(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "x", {"a": b"words", "../../etc/passwd": b"trap"})
        assert read(path, "a") == b"words"
        assert read(path, "b") is None
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["x"]

    def test_all_parts_share_one_budget(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "x", {"a": bytes(600_000), "b": bytes(600_000)})
        settings = ContainerSettings(max_inflated=ByteSize(1_000_000))
        with open_container(path, settings, KIND) as container:
            assert container.read("a") == bytes(600_000)
            with pytest.raises(ParseError) as caught:
                container.read("b")
        assert caught.value.code == "too_large"

    def test_a_size_is_refused_as_it_is_declared(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "x", {"a": b"words"})
        raw = bytearray(path.read_bytes())
        at = raw.index(b"PK\x01\x02")
        raw[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)
        path.write_bytes(raw)
        assert failure(path).code == "too_large"

    def test_what_inflates_many_hundred_times_is_a_bomb_within_the_budget(
        self, tmp_path: Path
    ) -> None:
        path = archive(tmp_path / "x", {"a": bytes(2**24)})
        assert failure(path).code == "too_large"

    def test_a_part_that_is_read_whole_has_a_limit_of_its_own(self, tmp_path: Path) -> None:
        noise = random.Random(1).randbytes(2**25 + 1)
        assert failure(archive(tmp_path / "x", {"a": noise})).code == "too_large"

    def test_small_parts_may_inflate_as_they_like(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "x", {"a": bytes(2**20)})
        assert read(path, "a") == bytes(2**20)

    def test_too_many_entries_are_refused_unopened(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "x", {f"{n}": b"" for n in range(10_001)})
        assert failure(path).code == "too_large"

    def test_old_office_files_say_what_to_do(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        path.write_bytes(b"\xd0\xcf\x11\xe0 old")
        assert failure(path).detail == "This is an old .old file; save it as .letter."
        assert failure(path, WITHOUT_OLD).detail == (
            "The file is damaged or is not a letter (.letter)."
        )

    def test_damage_is_told_in_the_words_of_the_kind(self, tmp_path: Path) -> None:
        path = archive(tmp_path / "x", {"a": b"words" * 999})
        raw = bytearray(path.read_bytes())
        raw[35:40] = b"\xff" * 5
        path.write_bytes(raw)
        error = failure(path)
        assert (error.code, "a letter (.letter)" in error.detail) == ("malformed", True)
