"""Asking, searching, listing and removing, as a person at a terminal does."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from muniment.cli.collections import collections_of, session_of
from muniment.cli.command import Place
from muniment.cli.product import open_product
from muniment.library.schemas.collections import CollectionCreate
from muniment.retrieval.schemas import PassageRead
from tests.cli.conftest import Run

ESCAPE = "\x1b"


@pytest.fixture(scope="module")
def lake(run: Run, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A collection with two documents, one of them with a hostile name."""
    folder = tmp_path_factory.mktemp("lake")
    (folder / "lake.txt").write_text("The lake freezes in January. Pike live in the lake.")
    (folder / f"{ESCAPE}]0;[red]mine{ESCAPE}[2J.txt").write_text("Carp live in the lake as well.")
    assert run("add", folder, "--collection", "Lake").exit_code == 0
    return "Lake"


def twins(home: Path) -> None:
    """Make two collections of one name."""

    async def make() -> None:
        async with (
            open_product(Place(home, None, "owner")) as product,
            session_of(product) as session,
        ):
            service = collections_of(product, session)
            for _ in range(2):
                await service.create(product.principal, CollectionCreate(name="Twins"))

    asyncio.run(make())


class TestAsk:
    def test_an_answer_quotes_and_cites(self, run: Run, lake: str) -> None:
        result = run("ask", "When does the lake freeze?", "--collection", lake)
        assert result.exit_code == 0
        assert "The lake freezes in January. [1]" in result.stdout
        assert "[1] lake.txt  characters 0-28, verified" in result.stdout
        assert "no language model is configured" in result.stdout

    def test_json_is_what_the_api_answers(self, run: Run, lake: str) -> None:
        result = run("ask", "When does the lake freeze?", "--collection", lake, "--json")
        answer = json.loads(result.stdout)
        assert answer["mode"] == "extractive"
        assert answer["citations"][0]["quote"] == "The lake freezes in January."
        assert {"model", "usage", "timings_ms"} <= answer.keys()

    def test_documents_can_be_added_first(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "moor.txt").write_text("Peat grows one millimetre a year.")
        result = run(
            "ask",
            "How many millimetre does peat grow a year?",
            "--docs",
            tmp_path,
            "--collection",
            "Moor",
        )
        assert result.exit_code == 0
        assert "one millimetre a year" in result.stdout
        assert "created" in result.stderr
        assert "created" not in result.stdout

    def test_who_may_read_nothing_is_told_nothing(self, run: Run, lake: str) -> None:
        assert lake
        result = run("ask", "When does the lake freeze?", "--json", "--as", "mallory")
        answer = json.loads(result.stdout)
        assert (answer["mode"], answer["citations"]) == ("none", [])

    @pytest.mark.parametrize("command", ["ask", "search"])
    def test_nothing_asked_is_wrong_usage(self, run_alone: Run, command: str) -> None:
        assert run_alone(command, "  ").exit_code == 2


class TestSearch:
    def test_passages_are_shown_with_their_scores(self, run: Run, lake: str) -> None:
        result = run("search", "pike", "--collection", lake, "--explain")
        assert result.exit_code == 0
        assert "1. lake.txt" in result.stdout
        assert "fused" in result.stdout

    def test_json_is_what_the_api_answers(self, run: Run, lake: str) -> None:
        found = json.loads(run("search", "pike", "--collection", lake, "--json").stdout)
        assert found["mode"] == "hybrid"
        [first, *_] = found["results"]
        assert first["document_name"] == "lake.txt"
        assert first.keys() == PassageRead.model_fields.keys()
        assert first["page"] is None

    def test_names_cannot_steer_the_terminal(self, run: Run, lake: str) -> None:
        for command in (["search", "carp"], ["ask", "Where do carp live?"], ["documents list"]):
            result = run(*command, "--collection", lake)
            assert result.exit_code == 0
            assert "[red]mine" in "".join(result.stdout.split())
            assert ESCAPE not in result.stdout + result.stderr


class TestCollections:
    def test_an_unknown_one_is_wrong_usage(self, run: Run) -> None:
        result = run("search", "pike", "--collection", "Nowhere")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "There is no collection Nowhere" in result.stderr

    def test_json_tells_failures_as_problem_documents(self, run: Run) -> None:
        result = run("search", "pike", "--collection", "Nowhere", "--json")
        problem = json.loads(result.stdout)
        assert result.exit_code == 2
        assert problem["type"] == "urn:muniment:problem:usage"
        assert problem["detail"].startswith("There is no collection Nowhere")

    def test_an_ambiguous_name_is_wrong_usage_and_ids_help(self, run: Run, home: Path) -> None:
        twins(home)
        result = run("search", "pike", "--collection", "Twins")
        assert result.exit_code == 2
        assert "2 collections are called Twins." in result.stderr
        first = result.stderr.rpartition("by id: ")[2].split(",")[0].strip()
        assert run("search", "pike", "--collection", first).exit_code == 0

    def test_are_listed(self, run: Run, lake: str) -> None:
        assert lake in run("collections list").stdout
        names = [each["name"] for each in json.loads(run("collections list", "--json").stdout)]
        assert lake in names

    def test_the_list_says_what_one_holds(self, run: Run, lake: str, tmp_path: Path) -> None:
        (tmp_path / "own.txt").write_text("Mine.")
        added = run("add", tmp_path, "--collection", "Alices", "--as", "alice")
        assert added.exit_code == 0
        rows = [line.split() for line in run("collections list").stdout.splitlines()]
        # A long name goes on in the next line.
        roles = {row[1]: row[2] for row in rows if len(row) > 2}
        assert (roles[lake], roles["Alices"]) == ("owner", "-")
        assert lake not in run("collections list", "--as", "alice").stdout


class TestDocuments:
    def test_one_is_removed(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "brief.txt").write_text("Brief.")
        assert run("add", tmp_path, "--collection", "Brief").exit_code == 0
        [document] = json.loads(run("documents list", "--json", "--collection", "Brief").stdout)
        result = run("documents rm", document["id"])
        assert (result.exit_code, result.stdout) == (0, f"deleted {document['id']}\n")
        assert run("documents list", "--json", "--collection", "Brief").stdout == "[]\n"
        again = run("documents rm", document["id"])
        assert again.exit_code == 1
        assert "There is no document with this id" in again.stderr

    def test_an_id_that_is_none_is_wrong_usage(self, run_alone: Run) -> None:
        assert run_alone("documents rm", "first").exit_code == 2


class TestExplainAccess:
    @pytest.mark.parametrize(
        ("user", "may_read", "fails"),
        [
            ("owner", True, {"condition clearance"}),
            ("nobody", False, {"creator", "owner", "grant", "condition clearance"}),
            ("https://issuer|owner", False, {"creator", "owner", "grant", "condition clearance"}),
        ],
    )
    def test_says_which_part_fails(
        self, run: Run, tmp_path: Path, user: str, fails: set[str], *, may_read: bool
    ) -> None:
        (tmp_path / "why.txt").write_text("Because.")
        rule = '{"all": [{"attribute": "clearance", "gte": 3}]}'
        run("add", tmp_path, "--collection", user, "--access", rule)
        [document] = json.loads(run("documents list", "--json", "--collection", user).stdout)
        asked = ("--user", user, "--document", document["id"], "--attr", "clearance=2")
        explained = json.loads(run("explain-access", *asked, "--json").stdout)
        assert explained["may_read"] is may_read
        assert {each["part"] for each in explained["reasons"] if not each["holds"]} == fails
        shown = run("explain-access", *asked)
        assert shown.exit_code == 0
        assert "clearance must be at least 3; it is 2" in shown.stdout

    def test_who_may_not_edit_is_told_nothing(self, run: Run, lake: str) -> None:
        [document, *_] = json.loads(run("documents list", "--json", "--collection", lake).stdout)
        asked = ("--user", "owner", "--document", document["id"], "--as", "mallory")
        result = run("explain-access", *asked)
        assert result.exit_code == 1
        assert "There is no document with this id" in result.stderr


class TestOperating:
    def test_the_doctor_finds_nothing(self, run: Run, lake: str) -> None:
        assert lake
        result = run("doctor")
        assert result.exit_code == 0
        assert "✗" not in result.stdout
        assert "✓ policies and grants" in result.stdout

    def test_migrating_twice_changes_nothing(self, run: Run) -> None:
        assert run("migrate").exit_code == 0
        checked = run("migrate", "--check")
        assert (checked.exit_code, checked.stdout) == (0, "The database is up to date.\n")

    def test_the_index_is_built_anew_when_asked_for(self, run: Run) -> None:
        assert run("migrate", "--rebuild-index").exit_code == 0
        assert run("migrate", "--check").exit_code == 0

    def test_going_back_and_to_the_newest_puts_the_walls_up_again(self, run: Run) -> None:
        assert run("migrate", "--to", "2026_11_23_0102", "--discard-data").exit_code == 0
        assert run("migrate", "--check").exit_code == 1
        assert run("migrate", "--to", "head").exit_code == 0
        assert run("migrate", "--check").exit_code == 0

    def test_going_back_with_documents_asks_for_a_word(self, run: Run, lake: str) -> None:
        assert lake
        result = run("migrate", "--to", "base")
        assert result.exit_code == 1
        assert re.search(r"document \([1-9]", result.stderr)
        assert "--discard-data" in result.stderr
        assert run("migrate", "--check").exit_code == 0

    def test_an_unknown_revision_is_told_with_those_there_are(self, run: Run) -> None:
        result = run("migrate", "--to", "never")
        assert result.exit_code != 0
        assert "There is no revision never." in result.stderr
