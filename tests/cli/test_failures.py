"""What a person is told when something is wrong before anything has begun."""

import json
import socket
import sys
from pathlib import Path

import pytest

from muniment.cli.command import UsageError, program, report, told_error
from muniment.cli.main import create_cli
from muniment.cli.terminal import one_line, printable
from muniment.kit.errors import ConfigurationError
from tests.cli.conftest import Run

AWAY = "postgresql://{role}@127.0.0.1:1/muniment"


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings with a database where nobody listens."""
    for variable, role in (("URL", "app"), ("OWNER_URL", "owner"), ("WORKER_URL", "worker")):
        monkeypatch.setenv(f"MUNIMENT_DATABASE__{variable}", AWAY.format(role=role))


class TestTokens:
    def test_one_is_printed_alone(self, run_alone: Run) -> None:
        result = run_alone("token", "--user", "alice", "--attr", "clearance=3", "--ttl", "90s")
        assert result.exit_code == 0
        assert result.stdout.count(".") == 2
        assert result.stderr == ""

    @pytest.mark.parametrize(
        "options",
        [
            ("--ttl", "soon"),
            ("--ttl", "0s"),
            ("--attr", "clearance"),
            ("--attr", "clearance=high"),
            ("--role", "king"),
            ("--group", "no-slash"),
        ],
    )
    def test_wrong_values_are_wrong_usage(self, run_alone: Run, options: tuple[str, str]) -> None:
        result = run_alone("token", "--user", "alice", *options)
        assert (result.exit_code, result.stdout) == (2, "")
        assert result.stderr.startswith("✗ ")


class TestSurroundings:
    @pytest.mark.usefixtures("away")
    def test_a_database_that_is_away_is_told_with_a_hint(self, run_alone: Run) -> None:
        result = run_alone("collections list")
        assert (result.exit_code, result.stdout) == (1, "")
        assert "The database cannot be reached" in result.stderr
        assert "muniment doctor" in result.stderr

    @pytest.mark.usefixtures("away")
    def test_json_tells_it_as_a_problem(self, run_alone: Run) -> None:
        result = run_alone("search", "words", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stdout)["status"] == 503

    @pytest.mark.usefixtures("away")
    def test_the_doctor_names_what_is_wrong(self, run_alone: Run) -> None:
        result = run_alone("doctor")
        assert result.exit_code == 1
        assert "✗ serving role at 127.0.0.1/muniment (app): The database cannot be" in result.stdout
        assert "✓ data folder" in result.stdout

    def test_a_settings_file_that_is_missing_is_told(self, run_alone: Run, tmp_path: Path) -> None:
        result = run_alone("documents list", "--config", tmp_path / "none.toml")
        assert result.exit_code == 1
        assert "none.toml cannot be read" in result.stderr

    def test_a_data_folder_that_cannot_be_is_told(self, run_alone: Run) -> None:
        result = run_alone("documents list", "--data-dir", "/proc/nowhere")
        assert result.exit_code == 1
        assert "/proc/nowhere" in result.stderr
        assert "--data-dir" in result.stderr

    @pytest.mark.parametrize("command", ["up", "serve"])
    def test_local_mode_is_not_served_to_others(
        self, run_alone: Run, command: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MUNIMENT_SERVER__HOST", "0.0.0.0")  # noqa: S104 - it is refused
        result = run_alone(command)
        assert result.exit_code == 1
        assert "Local mode listens on the loopback only" in result.stderr

    @pytest.mark.parametrize("command", ["up", "serve"])
    def test_a_port_that_is_taken_is_told_before_anything_starts(
        self, run_alone: Run, command: str, tmp_path: Path
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            result = run_alone(command, "--port", str(port), "--data-dir", tmp_path / "new")
        assert result.exit_code == 1
        assert f"Nothing can listen on 127.0.0.1:{port}: Address already in use." in result.stderr
        assert not (tmp_path / "new" / "postgres").exists()


class TestProgram:
    @pytest.mark.parametrize(
        ("called", "words"),
        [
            (".venv/bin/muniment", [".venv/bin/muniment"]),
            ("/opt/muniment/__main__.py", [sys.executable, "-m", "muniment"]),
        ],
    )
    def test_is_called_again_as_it_was(
        self, called: str, words: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", [called, "up"])
        assert program() == words


class TestToldError:
    def test_an_unknown_one_hides_what_it_says(self) -> None:
        told = told_error(RuntimeError("password=hunter2"))
        assert "hunter2" not in told.detail
        assert "RuntimeError" in told.detail

    def test_a_group_of_one_is_that_one(self) -> None:
        inner = UsageError("Wrong.")
        assert told_error(ExceptionGroup("several", [ExceptionGroup("more", [inner])])) is inner

    def test_a_file_is_named_with_its_trouble(self) -> None:
        told = told_error(PermissionError(13, "Permission denied", "/etc/shadow"))
        assert isinstance(told, ConfigurationError)
        assert told.detail == "/etc/shadow: Permission denied."

    def test_what_is_told_cannot_steer_the_terminal(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        report(UsageError("\x1b[2J[/red]\x9bx", hint="\x07bell"), as_json=False)
        report(UsageError("\x9bx"), as_json=True)
        captured = capsys.readouterr()
        assert not {"\x1b", "\x9b", "\x07"} & set(captured.err + captured.out)
        assert "[/red]" in captured.err
        assert json.loads(captured.out)["detail"] == "\x9bx"


class TestPrintable:
    def test_lines_and_tabs_stay_and_the_rest_is_shown(self) -> None:
        assert printable("a\tb\r\nc\rd\x1b[0m\u202ee") == "a\tb\nc�d�[0m�e"

    def test_one_line_is_one(self) -> None:
        assert one_line(" a\n b\t\tc ") == "a b c"


def test_every_command_is_loaded_when_none_is_named() -> None:
    assert create_cli(None) is not None
