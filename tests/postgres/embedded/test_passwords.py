"""Passwords are made once, and neither replaced nor shown when they are lost."""

import json
import stat
from pathlib import Path

import pytest

from muniment.postgres.embedded.errors import EmbeddedPostgresError
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.passwords import Passwords, load_or_make_passwords

ROLES = ("superuser", "owner", "serving", "worker")


def plain(passwords: Passwords) -> list[str]:
    return [getattr(passwords, role).get_secret_value() for role in ROLES]


class TestLoadOrMake:
    def test_makes_them_once_for_the_owner_alone(self, root: Path) -> None:
        folder = DataFolder(root)
        made = load_or_make_passwords(folder)
        assert load_or_make_passwords(folder) == made
        assert stat.S_IMODE(folder.passwords.stat().st_mode) == 0o600
        assert [file.name for file in root.iterdir()] == ["passwords.json"]

    def test_no_two_are_alike_or_short(self, root: Path) -> None:
        (root / "other").mkdir()
        first = plain(load_or_make_passwords(DataFolder(root)))
        second = plain(load_or_make_passwords(DataFolder(root / "other")))
        assert len({*first, *second}) == 8
        assert all(len(password) >= 32 for password in first)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"{",
            b"\xff\xfe",
            b"[]",
            json.dumps(dict.fromkeys(ROLES[1:], "hunter2")).encode(),
            json.dumps(dict.fromkeys((*ROLES, "guest"), "hunter2")).encode(),
            json.dumps({**dict.fromkeys(ROLES, "hunter2"), "owner": None}).encode(),
        ],
    )
    def test_a_damaged_file_is_refused_and_never_quoted(self, root: Path, content: bytes) -> None:
        folder = DataFolder(root)
        folder.passwords.write_bytes(content)
        with pytest.raises(EmbeddedPostgresError, match=r"passwords\.json does not hold") as caught:
            load_or_make_passwords(folder)
        assert caught.value.__cause__ is None
        assert "hunter2" not in f"{caught.value.detail} {caught.value.hint}"
        assert folder.passwords.read_bytes() == content

    def test_a_lost_file_is_not_made_anew_for_a_database_that_knows_the_old_ones(
        self, root: Path
    ) -> None:
        folder = DataFolder(root)
        folder.cluster.mkdir()
        with pytest.raises(EmbeddedPostgresError, match=r"has lost its file passwords\.json"):
            load_or_make_passwords(folder)
        assert not folder.passwords.exists()
