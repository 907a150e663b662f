"""Which files are found, what they are called, and which are left out."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from muniment.cli.command import UsageError
from muniment.cli.files import find_files, storable_name
from muniment.library.schemas.fields import DocumentName, DocumentUri

KINDS = frozenset({"text/plain", "text/markdown"})
NAME: TypeAdapter[str] = TypeAdapter(DocumentName)
URI: TypeAdapter[str] = TypeAdapter(DocumentUri)
STEERING = "\x1b\x9b\x7f\n\r\t\u202e\u2066\u2028\u2029"


class TestStorableName:
    @pytest.mark.parametrize(
        "name",
        [
            "leave.txt",
            "Bericht für März.txt",
            "議事録\u30002026.txt",
            "می\u200cروم.txt",
            "क\u094d\u200dष.txt",
            "Screenshot at 1.23\u202fPM.txt",
            "a\u00a0b.txt",
            "\U0001f469\u200d\U0001f680.txt",
            "e\u0301.txt",
        ],
    )
    def test_keeps_the_spelling_of_every_script(self, name: str) -> None:
        assert storable_name(name) == name

    @pytest.mark.parametrize("letter", [*STEERING, "\0", "\udcff"])
    def test_shows_what_would_break_a_line_or_steer_a_terminal(self, letter: str) -> None:
        assert storable_name(f"a{letter}b.txt") == "a\N{REPLACEMENT CHARACTER}b.txt"

    def test_of_a_long_path_is_its_end(self) -> None:
        assert storable_name("folder/" * 99 + "leave.txt") == ("folder/" * 99 + "leave.txt")[-255:]

    @given(st.binary(min_size=1, max_size=400).filter(lambda raw: b"\0" not in raw))
    def test_is_taken_by_the_library_whatever_the_disk_holds(self, raw: bytes) -> None:
        name = storable_name(os.fsdecode(raw.replace(b"/", b"_").replace(b"\\", b"_")))
        assert NAME.validate_python(name) == name


class TestFindFiles:
    def test_come_in_the_order_of_their_names_each_with_its_kind(self, tmp_path: Path) -> None:
        for name in ("b.md", "a.txt", "sub/c.txt", "LICENSE"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("words")
        found = find_files([tmp_path], KINDS)
        assert [(file.name, file.media_type) for file in found.readable] == [
            ("LICENSE", "text/plain"),
            ("a.txt", "text/plain"),
            ("b.md", "text/markdown"),
            ("sub/c.txt", "text/plain"),
        ]
        assert found.folders == [tmp_path]

    def test_are_read_as_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_bytes(b"\xff raw")
        [file] = find_files([tmp_path / "a.txt"], KINDS).readable
        with file.open() as stream:
            assert stream.read() == b"\xff raw"

    def test_have_a_uri_that_the_library_takes(self, tmp_path: Path) -> None:
        names = ["plain.txt", "with space.txt", "漢 字.txt", "100%.txt", "a#b?c.txt", "e\u0301.txt"]
        for name in names:
            (tmp_path / name).write_text("words")
        uris = {file.name: file.uri for file in find_files([tmp_path], KINDS).readable}
        assert uris.keys() == set(names)
        assert len(set(uris.values())) == len(names)
        for uri in uris.values():
            assert URI.validate_python(uri) == uri

    def test_whose_path_is_too_long_are_refused_and_the_rest_is_found(self, tmp_path: Path) -> None:
        dice = random.Random(5)
        deep = tmp_path
        for _ in range(4):
            deep /= "".join(chr(dice.randrange(0x4E00, 0x9FFF)) for _ in range(80))
        deep.mkdir(parents=True)
        (deep / "deep.txt").write_text("words")
        (deep / "photo.raw").write_bytes(b"\0\0")
        (tmp_path / "flat.txt").write_text("words")
        found = find_files([tmp_path], KINDS)
        assert [file.name for file in found.readable] == ["flat.txt"]
        [(name, reason)] = found.refused
        assert name.endswith("/deep.txt")
        assert reason == "its path is too long"
        assert [reason for _, reason in found.skipped] == ["its kind is not read"]

    def test_pipes_and_sockets_in_a_folder_hold_nothing_up(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.txt")
        (tmp_path / "a.txt").write_text("words")
        found = find_files([tmp_path], KINDS)
        assert [file.name for file in found.readable] == ["a.txt"]

    def test_a_pipe_that_was_named_is_no_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.txt")
        with pytest.raises(UsageError, match="There is no file or folder"):
            find_files([tmp_path / "pipe.txt"], KINDS)

    def test_a_link_to_nowhere_and_a_circle_of_folders_are_passed_over(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "lost.txt").symlink_to("gone.txt")
        (tmp_path / "circle").symlink_to(".")
        (tmp_path / "a.txt").write_text("words")
        found = find_files([tmp_path], KINDS)
        assert [file.name for file in found.readable] == ["a.txt"]

    def test_a_home_folder_may_be_meant(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "a.txt").write_text("words")
        [file] = find_files([Path("~/a.txt")], KINDS).readable
        assert file.path == tmp_path / "a.txt"
