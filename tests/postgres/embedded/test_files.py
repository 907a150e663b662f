"""What is written below the data directory is private, and whole or not there."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from muniment.postgres.embedded.accounts import ServerAccount
from muniment.postgres.embedded.errors import StorageError
from muniment.postgres.embedded.files import DataFolder, give_tree, write_private

WRITE_TOO_MUCH = """
import resource, signal, sys
from pathlib import Path
from muniment.postgres.embedded.errors import storage_errors
from muniment.postgres.embedded.files import write_private
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
write_private(Path(sys.argv[1]), "x" * 100_000)
"""


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestWritePrivate:
    def test_the_owner_alone_may_read_it_whatever_the_umask(self, root: Path) -> None:
        before = os.umask(0)
        try:
            write_private(root / "secret", "words\n")
        finally:
            os.umask(before)
        assert mode_of(root / "secret") == 0o600
        assert (root / "secret").read_text() == "words\n"
        assert [file.name for file in root.iterdir()] == ["secret"]

    def test_takes_the_place_of_an_open_file_and_closes_it(self, root: Path) -> None:
        (root / "secret").write_text("old")
        (root / "secret").chmod(0o644)
        write_private(root / "secret", "ä")
        assert mode_of(root / "secret") == 0o600
        assert (root / "secret").read_text("utf-8") == "ä"

    def test_a_link_in_its_place_is_replaced_and_never_followed(self, root: Path) -> None:
        (root / "elsewhere").write_text("untouched")
        (root / "secret").symlink_to("elsewhere")
        write_private(root / "secret", "words")
        assert not (root / "secret").is_symlink()
        assert (root / "elsewhere").read_text() == "untouched"

    def test_a_write_that_fails_leaves_the_old_file_and_no_half_of_the_new(
        self, root: Path
    ) -> None:
        (root / "secret").write_text("old")
        outcome = subprocess.run(
            [sys.executable, "-c", WRITE_TOO_MUCH, str(root / "secret")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "File too large" in outcome.stderr
        assert (root / "secret").read_text() == "old"
        assert [file.name for file in root.iterdir()] == ["secret"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_may_belong_to_the_account_of_the_server(self, root: Path) -> None:
        write_private(root / "secret", "words", ServerAccount(60_578, 60_579))
        status = (root / "secret").stat()
        assert (status.st_uid, status.st_gid, mode_of(root / "secret")) == (60_578, 60_579, 0o600)


class TestDataFolder:
    def test_is_closed_to_others_even_if_it_was_open(self, root: Path) -> None:
        folder = DataFolder(root / "a" / "pg")
        folder.ensure()
        assert mode_of(folder.root) == 0o700
        folder.root.chmod(0o755)
        folder.ensure()
        assert mode_of(folder.root) == 0o700

    def test_a_name_that_is_taken_by_a_file_is_refused(self, root: Path) -> None:
        (root / "pg").write_text("")
        with pytest.raises(StorageError, match="cannot be written: File exists"):
            DataFolder(root / "pg").ensure()

    def test_nothing_in_it_lies_outside_of_it(self) -> None:
        folder = DataFolder(Path("/data/pg"))
        names = [name for name in dir(folder) if isinstance(getattr(folder, name), Path)]
        assert len(names) >= 8
        assert all(getattr(folder, name).is_relative_to("/data/pg") for name in names)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
class TestGiveTree:
    def test_hands_everything_over_but_what_links_point_to(self, root: Path) -> None:
        (root / "outside").write_text("mine")
        tree = root / "tree"
        (tree / "deep").mkdir(parents=True)
        (tree / "deep" / "file").write_text("")
        (tree / "link").symlink_to(root / "outside")
        (tree / "loose").symlink_to(root / "nothing")
        give_tree(tree, ServerAccount(60_578, 60_578))
        given = (tree, *tree.rglob("*"))
        assert {path.lstat().st_uid for path in given} == {60_578}
        assert len(given) == 5
        assert (root / "outside").stat().st_uid == 0
