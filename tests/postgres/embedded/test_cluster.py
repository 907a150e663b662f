"""Starts that end before a server is started."""

import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from muniment.postgres.embedded.cluster import Launch
from muniment.postgres.embedded.errors import EmbeddedPostgresError
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.locks import is_locked, try_lock, unlock
from muniment.postgres.embedded.passwords import Passwords

PASSWORDS = Passwords(
    superuser=SecretStr("a"), owner=SecretStr("b"), serving=SecretStr("c"), worker=SecretStr("d")
)


@pytest.fixture
def old(root: Path) -> Launch:
    """A data directory that PostgreSQL 17 made."""
    folder = DataFolder(root / "pg")
    folder.cluster.mkdir(parents=True)
    (folder.cluster / "PG_VERSION").write_text("17\n")
    if os.geteuid() == 0:
        os.chown(folder.cluster, 60_578, 60_578)
    return Launch(folder, fsync=False, loopback=False)


class TestLaunch:
    def test_refuses_the_database_of_another_version_and_leaves_it_alone(self, old: Launch) -> None:
        with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 17") as caught:
            old.run(PASSWORDS)
        assert "Dump it with the release that made it" in f"{caught.value.hint}"
        assert [path.name for path in old.folder.cluster.iterdir()] == ["PG_VERSION"]
        assert not is_locked(old.folder.server_lock)

    def test_removes_what_a_killed_first_start_left(self, old: Launch) -> None:
        leftover = old.folder.root / "unfinished-0123"
        (leftover / "global").mkdir(parents=True)
        with pytest.raises(EmbeddedPostgresError):
            old.run(PASSWORDS)
        assert not leftover.exists()

    def test_does_nothing_while_a_process_of_the_server_lives(self, old: Launch) -> None:
        lock = try_lock(old.folder.server_lock)
        assert lock is not None
        old.run(PASSWORDS)
        unlock(lock)
        assert [path.name for path in old.folder.cluster.iterdir()] == ["PG_VERSION"]
