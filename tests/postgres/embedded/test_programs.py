"""Programs of PostgreSQL inherit nothing of ours, and their failures become a sentence."""

import os
from pathlib import Path

import pytest

from muniment.postgres.embedded.errors import ServerFailedError, StorageError
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.programs import Program, tail


@pytest.fixture
def program(root: Path) -> Program:
    (root / "cluster").mkdir()
    return Program(DataFolder(root), root / "cluster", None)


class TestRun:
    def test_passes_neither_our_secrets_nor_settings_of_postgresql_on(
        self, program: Program, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PGDATA", "/elsewhere")
        monkeypatch.setenv("MUNIMENT_DATABASE__URL", "postgresql://app:hunter2@db/x")
        program.run("/bin/sh", "-c", f"env > {root}/seen; pwd >> {root}/seen; umask >> {root}/seen")
        seen = (root / "seen").read_text()
        assert "hunter2" not in seen
        assert "PGDATA" not in seen
        assert f"{root / 'cluster'}\n0077\n" in seen

    def test_is_out_of_reach_of_the_terminal(self, program: Program, root: Path) -> None:
        program.run("/bin/sh", "-c", f"ps -o sid= -p $$ > {root}/session")
        assert int((root / "session").read_text()) != os.getsid(0)

    def test_hands_on_the_one_descriptor_that_it_is_told_to(
        self, program: Program, root: Path
    ) -> None:
        kept = os.open(root / "kept", os.O_CREAT | os.O_RDWR)
        other = os.open(root / "other", os.O_CREAT | os.O_RDWR)
        os.set_inheritable(other, True)
        try:
            program.run("/bin/sh", "-c", f"ls -l /proc/self/fd > {root}/seen", keep=kept)
        finally:
            os.close(kept)
            os.close(other)
        seen = (root / "seen").read_text()
        assert f"{root}/kept" in seen
        assert f"{root}/other" not in seen

    def test_reads_nothing_unless_it_is_given_something(self, program: Program, root: Path) -> None:
        program.run("/bin/sh", "-c", f"cat > {root}/read")
        assert (root / "read").read_text() == ""

    def test_a_failure_tells_its_last_words_and_those_of_the_log(
        self, program: Program, root: Path
    ) -> None:
        (root / "cluster" / "server.log").write_text("FATAL:  out of ideas\n")
        script = "echo one; echo two >&2; exit 3"
        with pytest.raises(ServerFailedError) as caught:
            program.run("/bin/sh", "-c", script)
        assert caught.value.detail == (
            "sh of the embedded PostgreSQL failed: one | two | FATAL:  out of ideas."
        )
        assert str(root / "cluster" / "server.log") in f"{caught.value.hint}"

    def test_a_failure_without_a_word_says_so(self, program: Program) -> None:
        with pytest.raises(ServerFailedError, match="it gave no reason"):
            program.run("/bin/sh", "-c", "exit 1")

    def test_a_full_disk_is_recognised_in_the_log(self, program: Program, root: Path) -> None:
        (root / "cluster" / "server.log").write_text("PANIC: No space left on device\n")
        with pytest.raises(StorageError, match="no space left"):
            program.run("/bin/sh", "-c", "exit 1")

    def test_words_that_are_no_text_do_not_hide_the_rest(self, program: Program) -> None:
        with pytest.raises(ServerFailedError, match="after"):
            program.run("/bin/sh", "-c", r"printf '\377\n'; echo after; exit 1")


class TestTail:
    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"", ""),
            (b"one", "one"),
            (b"1\n2\n3\n", "2\n3"),
            (b"\xff\n\xc3", "\ufffd\n\ufffd"),
        ],
    )
    def test_gives_the_last_lines(self, root: Path, content: bytes, expected: str) -> None:
        (root / "log").write_bytes(content)
        assert tail(root / "log", 2) == expected

    def test_of_no_log_gives_nothing(self, root: Path) -> None:
        assert tail(root / "none") == ""
