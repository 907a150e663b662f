import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import make_url

from muniment.app.doctor import Finding, examine
from muniment.app.orphan_check import Mending
from muniment.app.settings import Settings
from muniment.postgres.embedded.supervisor import EmbeddedUrls
from muniment.postgres.engine import DatabaseUrls
from tests.support.configured import settings_of
from tests.support.database import TestDatabase, as_superuser, create_database, migrate


async def wrong_things(settings: Settings) -> dict[str, Finding]:
    """Let the doctor look; give what is wrong, by the first word of its subject."""
    return {
        finding.subject.partition(" at ")[0]: finding
        async for finding in examine(settings)
        if finding.problem is not None
    }


class TestDoctor:
    async def test_an_empty_database_is_to_be_migrated(
        self, cluster: EmbeddedUrls, tmp_path: Path
    ) -> None:
        urls = await create_database(cluster, "doctor_empty")
        found = await wrong_things(settings_of(urls, tmp_path))
        assert list(found) == ["database schema"]
        assert "muniment migrate" in f"{found['database schema'].hint}"

    async def test_a_superuser_does_not_serve(
        self, cluster: EmbeddedUrls, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        mighty = DatabaseUrls(
            migrated.urls.owner,
            SecretStr(
                cluster.superuser.get_secret_value().replace(
                    "/muniment?", f"/{database_name(migrated.urls.serving)}?"
                )
            ),
            migrated.urls.worker,
        )
        found = await wrong_things(settings_of(mighty, tmp_path))
        assert "is a superuser" in f"{found['serving role'].problem}"

    async def test_a_wrong_password_is_told_for_the_role_that_has_it(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        url = make_url(migrated.urls.worker.get_secret_value()).set(password="wrong")
        worker = SecretStr(url.render_as_string(hide_password=False))
        found = await wrong_things(settings_of(replace(migrated.urls, worker=worker), tmp_path))
        assert [name for name in found if name.endswith("role")] == ["worker role"]
        assert "has another password" in f"{found['worker role'].problem}"
        assert "wrong" not in str(found)

    @pytest.mark.parametrize(
        ("place", "why"),
        [
            ("@127.0.0.1:1/x", "Nothing listens at its address."),
            ("@/x?host=/nowhere", "Nothing listens at its address."),
            ("@no-such-host.invalid/x", "The name of its host is not found."),
        ],
    )
    async def test_a_server_that_is_away_is_told_for_every_role_with_the_cause(
        self, tmp_path: Path, place: str, why: str
    ) -> None:
        away = SecretStr(f"postgresql://app:hunter2{place}")
        found = await wrong_things(settings_of(DatabaseUrls(away, away, away), tmp_path))
        assert list(found) == ["serving role", "worker role", "database schema"]
        assert {finding.problem for finding in found.values()} == {
            f"The database cannot be reached. {why}"
        }
        assert "hunter2" not in str(found)

    async def test_a_server_that_says_nothing_is_told_as_such(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def never(*_: object, **__: object) -> None:
            raise TimeoutError

        monkeypatch.setattr("asyncpg.connect", never)
        silent = SecretStr("postgresql://app:hunter2@127.0.0.1/x")
        found = await wrong_things(settings_of(DatabaseUrls(silent, silent, silent), tmp_path))
        assert "did not answer in time" in f"{found['serving role'].problem}"

    async def test_an_owner_that_has_lost_rights_is_told(
        self, cluster: EmbeddedUrls, tmp_path: Path
    ) -> None:
        urls = await create_database(cluster, "doctor_robbed")
        await migrate(urls)
        robbed = "revoke all on tenant from muniment_owner"
        await as_superuser(cluster, robbed, database="doctor_robbed")
        found = await wrong_things(settings_of(urls, tmp_path))
        assert "lacks rights" in f"{found['policies and grants'].problem}"

    @pytest.mark.parametrize("place", ["/proc/nowhere", "/etc/hostname"])
    async def test_a_folder_that_cannot_be_is_told_once(
        self, migrated: TestDatabase, place: str
    ) -> None:
        found = await wrong_things(settings_of(migrated.urls, Path(place)))
        assert list(found) == ["data folder"]
        assert f"The folder {place} cannot be made" in f"{found['data folder'].problem}"

    async def test_a_store_that_keeps_nothing_is_told_in_a_sentence(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        (tmp_path / "originals").write_text("in the way")
        found = await wrong_things(settings_of(migrated.urls, tmp_path))
        problem = f"{found['store of originals'].problem}"
        assert problem == f"The folder {tmp_path / 'originals'} cannot be made: File exists."

    async def test_the_data_folder_is_closed_and_nothing_of_the_probe_stays(
        self, migrated: TestDatabase, tmp_path: Path
    ) -> None:
        folder = tmp_path / "new"
        found = await wrong_things(settings_of(migrated.urls, folder))
        assert "store of originals" not in found
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "originals").stat().st_mode) == 0o700
        assert list((folder / "originals").iterdir()) == []


def database_name(address: SecretStr) -> str:
    return address.get_secret_value().rpartition("/")[2].partition("?")[0]


class TestOrphans:
    async def test_are_told_and_mended_where_that_is_asked_for(
        self, database: TestDatabase, tmp_path: Path
    ) -> None:
        settings = settings_of(database.urls, tmp_path)
        stray = tmp_path / "originals" / "ab" / ("ab" * 16)
        stray.parent.mkdir(parents=True)
        stray.write_bytes(b"nobody knows me")
        assert "files and rows" not in await wrong_things(settings)
        os.utime(stray, (0, 0))
        found = (await wrong_things(settings))["files and rows"]
        assert found.problem == "There are stored files that no row speaks of: 1 of 1."
        assert "Does this folder belong to this database" in f"{found.hint}"
        for mending, problem in (
            (Mending(asked=True), found.problem),
            (Mending(asked=True, believed=True), None),
        ):
            assert stray.exists()
            told = [finding async for finding in examine(settings, mending)]
            assert [each.problem for each in told if each.subject == "files and rows"] == [problem]
        assert not stray.exists()
