"""The audit on the command line: whose it is, what it tells, and what belongs to no tenant."""

import json
from pathlib import Path

import pytest

from muniment.oversight.schemas import EntryRead
from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def removed(run: Run, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Documents that the owner has added and deleted, in this order."""
    folder: Path = tmp_path_factory.mktemp("gone")
    for number in (1, 2):
        (folder / f"heron-{number}.txt").write_text(f"Number {number}.")
    assert run("add", folder, "--collection", "Gone").exit_code == 0
    listed = json.loads(run("documents list", "--collection", "Gone", "--json").stdout)
    ids = [str(document["id"]) for document in listed]
    for document in ids:
        assert run("documents rm", document).exit_code == 0
    return ids


def entries(run: Run, *options: str) -> list[EntryRead]:
    read = run("audit", "--json", *options)
    assert read.exit_code == 0, read.output
    return [EntryRead.model_validate(entry) for entry in json.loads(read.stdout)]


class TestAudit:
    def test_is_what_the_api_shows_newest_first(self, run: Run, removed: list[str]) -> None:
        found = entries(run, "--action", "document.deleted", "--limit", "2")
        assert [str(entry.object and entry.object.id) for entry in found] == removed[::-1]
        assert {entry.request_id for entry in found} == {None}

    def test_is_read_in_as_many_pages_as_it_takes(
        self, run: Run, removed: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("muniment.cli.paging.MAX_LIMIT", 1)
        found = entries(run, "--action", "document.deleted", "--limit", "2")
        assert [str(entry.object and entry.object.id) for entry in found] == removed[::-1]

    def test_is_shown_in_lines_without_names(self, run: Run, removed: list[str]) -> None:
        shown = run("audit", "--action", "document.deleted")
        head, first, *_ = shown.stdout.splitlines()
        assert head.split() == ["when", "action", "outcome", "count", "actor", "object", "details"]
        assert f"document:{removed[-1]}" in first
        assert "collection_id=" in first
        assert "heron" not in shown.stdout

    @pytest.mark.usefixtures("removed")
    def test_is_of_a_time_and_a_user(self, run: Run) -> None:
        assert entries(run, "--until", "2020-01-01") == []
        assert entries(run, "--since", "2100-01-01T00:00:00+0000") == []
        [first, *_] = entries(run, "--since", "2020-01-01")
        assert first in entries(run, "--actor", first.actor)

    @pytest.mark.usefixtures("removed")
    def test_of_no_tenant_stands_alone(self, run: Run) -> None:
        assert entries(run, "--no-tenant") == []

    @pytest.mark.parametrize("options", [(), ("--no-tenant",)])
    def test_is_not_for_members(self, run: Run, options: tuple[str, ...]) -> None:
        refused = run("audit", "--as", "lister", *options)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "audit:read" in refused.stderr

    def test_refuses_words_that_mean_nothing(self, run_alone: Run) -> None:
        for option in (("--action", "coffee.made"), ("--since", "soon"), ("--actor", "")):
            assert run_alone("audit", *option).exit_code == 2
