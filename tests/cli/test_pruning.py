"""Deleting documents whose files are gone, and no others."""

import asyncio
import shutil
from pathlib import Path

import httpx2
import pytest

from muniment.app.server import make_app
from muniment.cli.collections import find_collection, session_of
from muniment.cli.command import Place
from muniment.cli.product import open_product
from muniment.identity.known import KnownNames
from muniment.identity.local_issuer import ISSUER
from muniment.library.schemas.collections import GrantWrite
from muniment.library.service.grants import GrantService
from tests.cli.conftest import Run, names_in
from tests.support.app import make_client, served
from tests.support.callers import CallerSpec


def upload(home: Path, user: str, collection: str, file: Path, content: bytes) -> None:
    """Upload a document over HTTP under the address that the command gives a file."""

    async def send() -> None:
        async with (
            open_product(Place(home, None, user)) as product,
            served(make_app(product.serving)) as asgi,
            make_client(asgi, product.serving.sign_in.local_issuer, CallerSpec(user)) as client,
        ):
            listed = (await client.get("/api/v1/collections", params={"limit": "200"})).json()
            [found] = [one["id"] for one in listed["items"] if one["name"] == collection]
            response: httpx2.Response = await client.post(
                f"/api/v1/collections/{found}/documents",
                files=[("file", (file.name, content))],
                data={"uri": file.as_uri()},
            )
            assert response.status_code == 202, response.text

    asyncio.run(send())


def share(home: Path, collection: str, user: str) -> None:
    """Let another local user edit a collection."""

    async def give() -> None:
        async with (
            open_product(Place(home, None, "owner")) as product,
            session_of(product) as session,
        ):
            found = await find_collection(product, collection)
            grants = GrantService(session, KnownNames(product.settings.identity))
            wanted = GrantWrite(principal=f"user:{ISSUER}|{user}", role="editor")
            await grants.give(product.principal, found, wanted)

    asyncio.run(give())


class TestPrune:
    def test_pruning_deletes_what_is_gone_from_the_folder_alone(
        self, run: Run, folder: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        elsewhere = tmp_path_factory.mktemp("elsewhere") / "kept.txt"
        elsewhere.write_text("Kept.")
        (folder / "sub" / "gulls.txt").write_text("Gulls steal chips.")
        assert run("add", folder, elsewhere, "--collection", "Pruned").exit_code == 0
        elsewhere.unlink()
        (folder / "sub" / "herons.txt").unlink()
        result = run("add", folder, "--prune", "--collection", "Pruned")
        assert (result.exit_code, result.stdout) == (0, "1 removed, 2 unchanged\n")
        assert names_in(run, "Pruned") == {"kept.txt", "sub/gulls.txt", "tides.md"}

    def test_a_file_out_of_reach_is_not_gone(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Reach").exit_code == 0
        (folder / "tides.md").unlink()
        (folder / "tides.md").symlink_to("tides.md")
        result = run("add", folder, "--prune", "--collection", "Reach")
        assert (result.exit_code, result.stdout) == (0, "1 unchanged\n")

    @pytest.mark.parametrize("gone", ["sub", "."])
    def test_an_empty_folder_below_or_above_is_not_believed(
        self, run: Run, folder: Path, gone: str
    ) -> None:
        """A mount that is missing leaves its folder, and nothing of what was below."""
        for number in range(4):
            (folder / f"kept-{number}.txt").write_text(f"Kept {number}.")
        (folder / "sub" / "deep").mkdir()
        (folder / "sub" / "deep" / "gulls.txt").write_text("Gulls steal chips.")
        name = f"Unmounted {gone}"
        assert run("add", folder, "--collection", name).stdout == "7 created\n"
        empty = folder / gone
        for path in empty.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        result = run("add", folder, "--prune", "--collection", name)
        assert (result.exit_code, result.stdout) == (1, "")
        told = " ".join(result.stderr.split())
        assert f"There is no file in {empty}, and documents came from it" in told
        assert "--prune-all" in told
        assert len(names_in(run, name)) == 7
        believed = run("add", folder, "--prune-all", "--collection", name)
        left = 5 if gone == "sub" else 0
        told_at_the_end = "2 removed, 5 unchanged\n" if left else "7 removed\n"
        assert (believed.exit_code, believed.stdout) == (0, told_at_the_end)
        assert len(names_in(run, name)) == left

    def test_a_subfolder_that_was_removed_as_well_is_believed(self, run: Run, folder: Path) -> None:
        assert run("add", folder, "--collection", "Tidy").exit_code == 0
        shutil.rmtree(folder / "sub")
        assert run("add", folder, "--prune", "--collection", "Tidy").exit_code == 0
        assert names_in(run, "Tidy") == {"tides.md"}

    def test_more_than_half_at_once_is_not_believed(self, run: Run, folder: Path) -> None:
        (folder / "third.txt").write_text("A third one.")
        assert run("add", folder, "--collection", "Half").exit_code == 0
        (folder / "third.txt").unlink()
        shutil.rmtree(folder / "sub")
        (folder / "new.txt").write_text("What another disk holds in the same place.")
        result = run("add", folder, "--prune", "--collection", "Half")
        assert (result.exit_code, result.stdout) == (1, "")
        told = " ".join(result.stderr.split())
        assert f"Of the 3 documents that came from {folder}, the files of 2 are gone" in told
        assert len(names_in(run, "Half")) == 3
        believed = run("add", folder, "--prune-all", "--collection", "Half")
        assert believed.stdout == "1 created, 2 removed, 1 unchanged\n"

    def test_a_disk_that_goes_away_while_files_are_added_is_noticed(
        self, run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The folder was plausible at the beginning; what counts is how it is before deleting."""

        async def moving(*_: object) -> frozenset[str]:
            shutil.rmtree(folder / "sub" / "deep")
            return frozenset()

        (folder / "sub" / "deep").mkdir()
        (folder / "sub" / "herons.txt").rename(folder / "sub" / "deep" / "herons.txt")
        assert run("add", folder, "--collection", "Going").exit_code == 0
        monkeypatch.setattr("muniment.cli.adding.move_all", moving)
        result = run("add", folder, "--prune", "--collection", "Going")
        assert result.exit_code == 1
        assert f"There is no file in {folder / 'sub'}" in " ".join(result.stderr.split())
        assert len(names_in(run, "Going")) == 2

    def test_what_was_uploaded_under_such_an_address_stays(
        self, run: Run, home: Path, folder: Path
    ) -> None:
        assert run("add", folder, "--collection", "Shared").exit_code == 0
        upload(home, "owner", "Shared", folder / "report.txt", b"From another machine.")
        shutil.rmtree(folder / "sub")
        result = run("add", folder, "--prune", "--collection", "Shared")
        assert (result.exit_code, result.stdout) == (0, "1 removed, 1 unchanged\n")
        assert names_in(run, "Shared") == {"report.txt", "tides.md"}

    def test_who_brought_the_newest_bytes_decides(self, run: Run, home: Path, folder: Path) -> None:
        uploaded, added = folder / "uploaded.txt", folder / "added.txt"
        uploaded.write_text("At first from the disk.")
        assert run("add", folder, "--collection", "Newest").exit_code == 0
        upload(home, "owner", "Newest", uploaded, b"Then from another machine.")
        upload(home, "owner", "Newest", added, b"At first from another machine.")
        added.write_text("Then from the disk.")
        assert run("add", added, "--collection", "Newest").stdout == "1 changed\n"
        uploaded.unlink()
        added.unlink()
        result = run("add", folder, "--prune", "--collection", "Newest")
        assert result.stdout == "1 removed, 2 unchanged\n"
        assert names_in(run, "Newest") == {"uploaded.txt", "sub/herons.txt", "tides.md"}

    def test_what_somebody_else_added_stays(self, run: Run, home: Path, folder: Path) -> None:
        assert run("add", folder / "tides.md", "--collection", "Two people").exit_code == 0
        share(home, "Two people", "alice")
        other = folder / "sub"
        added = run("add", other, "--collection", "Two people", "--as", "alice")
        assert added.stdout == "1 created\n"
        shutil.rmtree(other)
        mine = run("add", folder, "--prune-all", "--collection", "Two people")
        assert mine.stdout == "1 unchanged\n"
        theirs = run("add", folder, "--prune-all", "--collection", "Two people", "--as", "alice")
        assert theirs.stdout == "1 removed, 1 unchanged\n"
