"""Wrong words to commands that open the product: exit code 2 and a sentence, never a crash."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

LONG = "x" * 5000
STRAY = "\udcff"
"""A byte that is no UTF-8, as Python gives it to a program."""


@pytest.fixture(scope="module")
def pond(run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The id of a document in a collection of its own."""
    folder = tmp_path_factory.mktemp("pond")
    (folder / "pond.txt").write_text("Frogs live in the pond.")
    assert run("add", folder, "--collection", "Pond").exit_code == 0
    [document] = json.loads(run("documents list", "--collection", "Pond", "--json").stdout)
    return str(document["id"])


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["search", LONG], "The question cannot be accepted: "),
        (["ask", f"frogs {STRAY}"], "The question cannot be accepted: "),
        (["search", "frogs", "--collection", ""], "There is no collection "),
        (["documents list", "--as", "a\nb"], "cannot name a user"),
    ],
)
def test_is_told_as_wrong_usage(run: Run, pond: str, command: list[str], told: str) -> None:
    assert pond
    result = run(*command)
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_stray_bytes_do_not_break_the_problem_document(run: Run, pond: str) -> None:
    assert pond
    result = run("search", "frogs", "--collection", STRAY, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["detail"].startswith("There is no collection �")


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_a_collection_of_no_name_is_not_made(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / "a.txt").write_text("words")
    result = run("add", tmp_path, "--collection", name)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "The name of the collection cannot be accepted: " in result.stderr


def test_spaces_around_a_name_do_not_make_another_collection(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    assert run("add", tmp_path, "--collection", " Spaced ").stdout == "1 created\n"
    assert run("add", tmp_path, "--collection", "Spaced").stdout == "1 unchanged\n"


class TestExplainAccess:
    @pytest.mark.parametrize(
        "words",
        [
            ("--user", "|alice"),
            ("--user", f"https://issuer{STRAY}|alice"),
            ("--user", "alice", "--group", "eng"),
            ("--user", "alice", "--attr", "clearance=high"),
            ("--user", "alice", "--attr", "clearance=--3"),
        ],
    )
    def test_nobody_can_be_like_that(self, run: Run, pond: str, words: tuple[str, ...]) -> None:
        result = run("explain-access", "--document", pond, *words)
        assert (result.exit_code, result.stdout) == (2, "")

    def test_who_is_named_by_issuer_is_another_than_the_local_user(
        self, run: Run, pond: str
    ) -> None:
        for user, may_read in (("owner", True), ("https://issuer|owner", False)):
            asked = ("--user", user, "--document", pond, "--json")
            assert json.loads(run("explain-access", *asked).stdout)["may_read"] is may_read
