"""Root, an ordinary user, and programs that one of them cannot reach."""

import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from muniment.postgres.embedded.accounts import ServerAccount, account_of, borrowed_account
from muniment.postgres.embedded.binaries import find_binaries, reachable_binaries
from muniment.postgres.embedded.errors import AccountError, StorageError
from muniment.postgres.embedded.files import DataFolder
from muniment.postgres.embedded.supervisor import EmbeddedPostgres, EmbeddedUrls
from tests.postgres.embedded.processes import attach_elsewhere, is_up, leave, python_path

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change accounts")
NOBODY = 65534


@pytest.fixture
def ordinary_python() -> str:
    """Find a Python that an ordinary user can run with our packages, or skip."""
    system = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, system):
        try:
            outcome = subprocess.run(
                [python, "-c", "import asyncpg, pydantic_core, muniment.kit.errors"],
                env={"PYTHONPATH": python_path(), "PYTHONDONTWRITEBYTECODE": "1"},
                cwd="/",
                user=NOBODY,
                check=False,
                capture_output=True,
            )
        except OSError:
            continue
        if outcome.returncode == 0:
            return python
    pytest.skip("no Python here that an ordinary user can run with these packages")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A directory that every account can reach, as pytest's own are not."""
    folder = Path(tempfile.mkdtemp(prefix="emb-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@as_root
class TestAsRoot:
    def test_the_server_gets_an_account_that_nobody_has(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        owner = (running[0] / "cluster").stat().st_uid
        assert owner not in {0, borrowed_account().uid}
        assert account_of(running[0] / "cluster") == ServerAccount(owner, owner)

    def test_the_account_lent_to_initdb_cannot_look_in(
        self, running: tuple[Path, EmbeddedUrls]
    ) -> None:
        for path in ("passwords.json", "cluster/PG_VERSION", "cluster/server.log"):
            outcome = subprocess.run(
                ["cat", running[0] / path], user=NOBODY, capture_output=True, check=False
            )
            assert outcome.returncode != 0

    async def test_a_data_directory_that_no_other_account_can_enter_works(self, root: Path) -> None:
        closed = root / "closed"
        closed.mkdir(mode=0o700)
        async with EmbeddedPostgres(closed / "pg", fsync=False):
            assert stat.S_IMODE(closed.stat().st_mode) == 0o700
            assert closed.stat().st_uid == 0

    def test_programs_out_of_reach_are_copied_to_where_they_run(
        self, root: Path, open_folder: Path
    ) -> None:
        found = find_binaries()
        package = found.installation.parent
        for name in (f"{package.name}/{found.installation.name}", f"{package.name}.libs"):
            shutil.copytree(package.parent / name, root / name, symlinks=True)
        hidden = type(found)(root / package.name / found.installation.name, found.release)
        account = ServerAccount(60578, 60578)
        copy = reachable_binaries(hidden, account, open_folder / "copies")
        assert copy.installation.is_relative_to(open_folder)
        assert reachable_binaries(hidden, account, open_folder / "copies") == copy
        assert reachable_binaries(copy, account, open_folder / "not made") == copy
        assert not (open_folder / "not made").exists()
        outcome = subprocess.run(
            [copy.initdb, "--version"], user=60578, check=True, text=True, stdout=subprocess.PIPE
        )
        assert "PostgreSQL) 18" in outcome.stdout

    def test_a_directory_of_another_user_is_refused(self, root: Path) -> None:
        (root / "pg").mkdir()
        os.chown(root / "pg", NOBODY, NOBODY)
        with pytest.raises(StorageError, match="belongs to another user"):
            DataFolder(root / "pg").ensure()

    def test_a_cluster_that_belongs_to_root_is_refused(self, root: Path) -> None:
        (root / "cluster").mkdir()
        with pytest.raises(AccountError, match="belongs to root"):
            account_of(root / "cluster")


def people(*entries: tuple[str, int]) -> list[pwd.struct_passwd]:
    return [pwd.struct_passwd((name, "x", uid, uid, "", "/", "")) for name, uid in entries]


class TestBorrowedAccount:
    @pytest.mark.parametrize(
        ("accounts", "uid"),
        [
            ([("root", 0), ("daemon", 1), ("nobody", 65_534)], 65_534),
            ([("root", 0), ("daemon", 1), ("bin", 2)], 1),
            ([("toor", 0), ("app", 1000)], 1000),
        ],
    )
    def test_is_nobody_or_the_first_that_is_not_root(
        self, monkeypatch: pytest.MonkeyPatch, accounts: list[tuple[str, int]], uid: int
    ) -> None:
        monkeypatch.setattr(pwd, "getpwall", lambda: people(*accounts))
        assert borrowed_account().uid == uid

    def test_where_there_is_only_root_is_asked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pwd, "getpwall", lambda: people(("root", 0), ("toor", 0)))
        with pytest.raises(AccountError, match="has no other account"):
            borrowed_account()


@as_root
class TestUnusedAccount:
    def test_is_the_first_number_that_no_account_has(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        taken = people(("a", 60_578), ("b", 60_579), ("c", 60_581))
        monkeypatch.setattr(pwd, "getpwall", lambda: taken)
        assert account_of(root / "new") == ServerAccount(60_580, 60_580)

    def test_all_taken_is_told(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        taken = people(*(("a", number) for number in range(60_000, 62_000)))
        monkeypatch.setattr(pwd, "getpwall", lambda: taken)
        with pytest.raises(AccountError, match="All user numbers from 60578 to 61183 are taken"):
            account_of(root / "new")


@as_root
class TestAsAnOrdinaryUser:
    async def test_it_starts_and_stops(self, open_folder: Path, ordinary_python: str) -> None:
        os.chown(open_folder, NOBODY, NOBODY)
        process, url = await attach_elsewhere(
            open_folder / "pg", python=ordinary_python, user=NOBODY
        )
        assert url.startswith("postgresql://muniment_serving:")
        assert (open_folder / "pg" / "cluster").stat().st_uid == NOBODY
        await leave(process)
        assert not is_up(open_folder / "pg")

    def test_a_read_only_directory_is_refused_in_one_sentence(
        self, open_folder: Path, ordinary_python: str
    ) -> None:
        script = (
            "import asyncio; from pathlib import Path\n"
            "from muniment.postgres.embedded.supervisor import EmbeddedPostgres\n"
            f"asyncio.run(EmbeddedPostgres(Path({str(open_folder / 'pg')!r})).attach())\n"
        )
        outcome = subprocess.run(
            [ordinary_python, "-c", script],
            env={"PYTHONPATH": python_path(), "PYTHONDONTWRITEBYTECODE": "1"},
            user=NOBODY,
            cwd="/",
            text=True,
            capture_output=True,
            check=False,
        )
        last = outcome.stderr.splitlines()[-1]
        assert "StorageError: The database directory" in last
        assert "cannot be written: Permission denied." in last
