import shutil
import subprocess
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from muniment.answers.schemas import AnswerRead
from muniment.cli.command import as_command
from muniment.cli.demo import COLLECTION, DemoQuestion, collection_of, demo
from tests.docs.pages import ROOT

LEAVE = DemoQuestion("How many days?", document="leave.md", contains="28 days")
SILENCE = DemoQuestion("Who won?")


def answer(document: str | None, quote: str = "", status: str = "verified") -> AnswerRead:
    citation = {
        "marker": 1,
        "document_id": "01a206ad-4659-7254-8afb-02ff7c96044d",
        "document_name": document,
        "uri": None,
        "version": 1,
        "page": None,
        "start": 0,
        "end": len(quote),
        "quote": quote,
        "status": status,
        "score": 0.5,
    }
    return AnswerRead.model_validate(
        {
            "answer": "It says so.",
            "mode": "none" if document is None else "extractive",
            "citations": [] if document is None else [citation],
            "model": None,
            "usage": {},
            "timings_ms": {},
        }
    )


def run_demo(home: Path, *arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(as_command(demo))
    return CliRunner(env={"MUNIMENT_LOG__LEVEL": "error"}).invoke(
        app, [*map(str, arguments), "--data-dir", str(home)]
    )


class TestNothingToRead:
    def test_is_an_error(self, tmp_path: Path, home: Path, postgres: None) -> None:
        assert postgres is None
        (tmp_path / "docs").mkdir()
        result = run_demo(home, tmp_path / "docs", "--question", "What?")
        assert result.exit_code == 2
        assert "There is no document that can be read in" in result.stderr


class TestIsAnsweredBy:
    @pytest.mark.parametrize(
        ("question", "given", "expected"),
        [
            (LEAVE, answer("leave.md", "They have 28\n days."), True),
            (LEAVE, answer("leave.md", "They have 29 days."), False),
            (LEAVE, answer("other.md", "They have 28 days."), False),
            (LEAVE, answer("leave.md", "They have 28 days.", "unsupported"), False),
            (LEAVE, answer(None), False),
            (SILENCE, answer(None), True),
            (SILENCE, answer("leave.md", "They have 28 days."), False),
        ],
    )
    def test_only_what_was_expected_counts(
        self, question: DemoQuestion, given: AnswerRead, *, expected: bool
    ) -> None:
        assert question.is_answered_by(given) is expected


class TestCollectionOf:
    def test_a_folder_has_one_of_its_own(self, tmp_path: Path) -> None:
        assert collection_of([tmp_path / "x" / ".."]) == str(tmp_path)
        assert collection_of([tmp_path, tmp_path / "more"]) == COLLECTION


@pytest.mark.usefixtures("postgres")
class TestDemo:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "some papers"
        folder.mkdir()
        (folder / "moss.txt").write_text("Moss grows on the north side of the tower.")
        return folder

    def test_one_question_is_answered_from_the_folder(self, home: Path, folder: Path) -> None:
        result = run_demo(home, "--question", "Where does the moss grow?", folder)
        assert result.exit_code == 0
        assert "on the north side of the tower" in result.stdout
        assert "as expected" not in result.stdout

    def test_wrong_answers_are_a_failure(self, home: Path, folder: Path, tmp_path: Path) -> None:
        questions = tmp_path / "questions.toml"
        asked = '[[question]]\nask = "Where does the moss grow?"\ndocument = "moss.txt"\n'
        questions.write_text(f'{asked}contains = "the north side"\n')
        good = run_demo(home, "--questions", questions, folder)
        assert good.exit_code == 0
        assert "1 of 1 questions answered as expected" in good.stdout
        questions.write_text(f'{asked}contains = "the south side"\n')
        bad = run_demo(home, "--questions", questions, folder)
        assert bad.exit_code == 1
        assert "Only 0 of 1 questions answered as expected" in bad.stderr


class TestMakefile:
    @pytest.mark.parametrize(
        ("variables", "passed"),
        [
            (
                ["DOCS=/tmp/some dir", "Q=What is it?"],
                ["--question", "What is it?", "/tmp/some dir"],
            ),
            (["DOCS=/tmp/some dir"], ["/tmp/some dir"]),
        ],
    )
    def test_words_with_spaces_arrive_whole(
        self, variables: list[str], passed: list[str], tmp_path: Path
    ) -> None:
        make = shutil.which("make")
        assert make is not None
        python = tmp_path / "python"
        python.write_text('#!/bin/sh\nfor word in "$@"; do echo "<$word>"; done\n')
        python.chmod(0o755)
        done = subprocess.run(
            [make, "-s", "-o", "setup", "demo", f"BIN={tmp_path}", *variables],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        words = ["-m", "muniment.cli.demo", *passed]
        assert done.stdout == "".join(f"<{word}>\n" for word in words)
