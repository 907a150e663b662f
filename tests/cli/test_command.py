"""What every command shares: options, exit codes, how failures are told, and how it is stopped."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from muniment.cli.command import (
    CommandBrokeError,
    Place,
    UsageError,
    as_command,
    report,
    request_of,
    told_error,
)
from muniment.cli.searching import AsJson
from muniment.kit.errors import (
    ConfigurationError,
    FieldProblem,
    InvalidInputError,
    MunimentError,
    NotFoundError,
)
from muniment.library.schemas.collections import CollectionCreate
from muniment.retrieval.schemas import SearchRequest

Act = Callable[[Place], None]


def call(act: Act, *arguments: str) -> Result:
    """Run a command that does just this."""

    async def command(place: Place, *, as_json: AsJson = False) -> None:
        assert isinstance(as_json, bool)
        act(place)
        await asyncio.sleep(0)

    app = typer.Typer()
    app.command()(as_command(command))
    return CliRunner().invoke(app, arguments)


def raising(error: BaseException) -> Act:
    def act(_place: Place) -> None:
        raise error

    return act


class TestExitCode:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (UsageError("Wrong."), 2),
            (InvalidInputError("Wrong."), 2),
            (ExceptionGroup("one", [UsageError("Wrong.")]), 2),
            (ExceptionGroup("two", [UsageError("Wrong."), UsageError("Too.")]), 1),
            (NotFoundError("Nothing."), 1),
            (ConfigurationError("Broken."), 1),
            (PermissionError(13, "Permission denied", "/x"), 1),
            (RuntimeError("unforeseen"), 1),
            (KeyboardInterrupt(), 130),
            (typer.Exit(7), 7),
        ],
        ids=repr,
    )
    def test_says_whose_fault_it_was(self, error: BaseException, code: int) -> None:
        assert call(raising(error)).exit_code == code

    def test_is_zero_when_all_went_well(self) -> None:
        assert call(lambda _place: None).exit_code == 0

    def test_of_a_reader_that_went_away_is_told_to_nobody(self) -> None:
        result = call(raising(BrokenPipeError()))
        assert result.exit_code != 0
        assert "unexpected" not in result.stderr


class TestStop:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    def test_breaks_the_command_off_and_lets_it_clean_up(self, number: signal.Signals) -> None:
        steps: list[str] = []

        async def endless(_place: Place) -> None:
            try:
                os.kill(os.getpid(), number)
                await asyncio.sleep(60)
                steps.append("went on")
            finally:
                await asyncio.sleep(0)
                steps.append("cleaned up")

        app = typer.Typer()
        app.command()(as_command(endless))
        result = CliRunner().invoke(app, [])
        assert (result.exit_code, steps) == (128 + signal.SIGTERM, ["cleaned up"])
        assert result.output == ""


class TestPlace:
    def test_is_where_the_options_say_and_can_be_said_again(self) -> None:
        places: list[Place] = []
        call(places.append, "--data-dir", "/a b", "--config", "c.toml", "--as", "alice")
        call(places.append)
        assert places == [
            Place(Path("/a b"), Path("c.toml"), "alice"),
            Place(None, None, "owner"),
        ]
        assert places[0].options() == ["--data-dir", "/a b", "--config", "c.toml"]
        assert places[1].options() == []

    def test_a_folder_is_meant_from_where_one_stands(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        settings = Place(Path("here"), None, "owner").settings()
        assert settings.data_dir == tmp_path / "here"

    def test_what_the_command_says_beats_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MUNIMENT_SERVER__PORT", "1111")
        place = Place(tmp_path, None, "owner")
        assert place.settings().server.port == 1111
        assert place.settings({"server": {"port": 2222}}).server.port == 2222

    def test_a_level_of_the_log_that_was_chosen_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        place = Place(tmp_path, None, "owner")
        failure = RuntimeError("unforeseen")
        place.settings(log_level="warning")
        told_error(failure)
        assert "command_broke" not in capsys.readouterr().err
        monkeypatch.setenv("MUNIMENT_LOG__LEVEL", "debug")
        place.settings(log_level="warning")
        told_error(failure)
        assert "command_broke" in capsys.readouterr().err


class TestRequestOf:
    def test_gives_what_the_api_would_get(self) -> None:
        made = request_of(SearchRequest, "The question", query=" pike ", top_k=3)
        assert made == SearchRequest(query="pike", top_k=3)

    @pytest.mark.parametrize(
        ("words", "reason"),
        [
            ("x" * 4097, "at most 4096 characters"),
            ("  ", "at least 1 character"),
            ("pike \udcff", "unicode"),
        ],
    )
    def test_names_what_cannot_be_accepted(self, words: str, reason: str) -> None:
        with pytest.raises(UsageError, match=f"^The question cannot be accepted: .*{reason}"):
            request_of(SearchRequest, "The question", query=words)

    @pytest.mark.parametrize("name", ["", " ", "x" * 201, "a\nb", "\x1b[2J", "\udcff"])
    def test_knows_the_rules_of_names(self, name: str) -> None:
        with pytest.raises(UsageError, match=r"^The name cannot be accepted: .*\.$"):
            request_of(CollectionCreate, "The name", name=name)


class TestReport:
    def test_is_a_sentence_its_faults_and_a_hint(self, capsys: pytest.CaptureFixture[str]) -> None:
        faults = (
            FieldProblem("body", "/all/0", "x", "This [b]one[/b]."),
            FieldProblem("query", "filter", "y", "That one."),
        )
        error = InvalidInputError("Two things are wrong.", hint="Look here.", errors=faults)
        report(error, as_json=False)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.splitlines() == [
            "✗ Two things are wrong.",
            "  /all/0: This [b]one[/b].",
            "  filter: That one.",
            "  Look here.",
        ]

    def test_is_never_wrapped(self, capsys: pytest.CaptureFixture[str]) -> None:
        report(UsageError("word " * 100 + "end", hint="hint " * 100 + "end"), as_json=False)
        assert len(capsys.readouterr().err.splitlines()) == 2

    @pytest.mark.parametrize(
        ("error", "expected"),
        [
            (
                UsageError("There is no \udcff.", hint="Not \udcff."),
                {"code": "usage", "status": 400, "detail": "There is no �.", "hint": "Not �."},
            ),
            (CommandBrokeError("Broke."), {"code": "command_broke", "status": 500}),
            (NotFoundError("漢"), {"code": "not_found", "status": 404, "detail": "漢"}),
        ],
    )
    def test_is_a_problem_document_for_programs(
        self,
        error: MunimentError,
        expected: dict[str, object],
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        report(error, as_json=True)
        captured = capsys.readouterr()
        problem = json.loads(captured.out)
        assert captured.err == ""
        assert problem.items() >= expected.items()
        assert problem["type"] == f"urn:muniment:problem:{problem['code']}"
        assert ("hint" in problem) is (error.hint is not None)

    def test_goes_where_results_go_when_json_was_asked_for(self) -> None:
        result = call(raising(UsageError("Wrong.")), "--json")
        assert (result.exit_code, result.stderr) == (2, "")
        assert json.loads(result.stdout)["detail"] == "Wrong."
