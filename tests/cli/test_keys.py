"""API keys from the command line."""

import json
from pathlib import Path

import pytest

from muniment.api_keys.form import is_well_formed
from muniment.api_keys.schemas import ApiKeyCreated, ApiKeyRead
from tests.cli.conftest import Run

SEARCH = ("--scope", "search:query")
PROVIDER = """
[[identity.issuers]]
issuer = "https://sso.example.com"
audience = "muniment-api"
clients = ["web"]
tenant = "acme"
"""


def listed(run: Run, user: str) -> list[dict[str, object]]:
    shown: list[dict[str, object]] = json.loads(run("keys list", "--json", "--as", user).stdout)
    return shown


class TestCreate:
    def test_prints_the_key_alone_on_stdout(self, run: Run) -> None:
        made = run("keys create", "--name", "Nightly", *SEARCH, "--as", "kim")
        assert made.exit_code == 0, made.stderr
        secret = made.stdout.strip()
        assert is_well_formed(secret)
        assert "not shown again" in made.stderr
        assert secret not in made.stderr
        assert str(listed(run, "kim")[0]["id"]) in made.stderr

    def test_prints_what_the_api_would_answer(self, run: Run) -> None:
        options = (*SEARCH, "--scope", "answers:ask", "--expires-in", "30d", "--json")
        made = run("keys create", "--name", "Both", *options, "--as", "kit")
        shown = ApiKeyCreated.model_validate_json(made.stdout)
        assert is_well_formed(shown.key)
        assert shown.scope == ["answers:ask", "search:query"]
        assert (shown.expires_at - shown.created_at).days == 30

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--scope", "search:all"), "The key cannot be accepted"),
            ((*SEARCH, "--expires-in", "soon"), "--expires-in soon is not a time"),
            ((*SEARCH, "--expires-in", "366d"), "The key cannot be accepted"),
            (("--scope", "keys:manage"), "no API key ever can"),
            (("--scope", "audit:read", "--as", "kim"), "you cannot do this yourself"),
        ],
    )
    def test_says_what_makes_no_key(self, run: Run, options: tuple[str, ...], said: str) -> None:
        made = run("keys create", "--name", "Odd", *options)
        assert (made.exit_code, made.stdout) == (2, "")
        assert said in made.stderr

    def test_refuses_where_no_request_could_use_the_key(
        self, run_alone: Run, tmp_path: Path
    ) -> None:
        config = tmp_path / "muniment.toml"
        config.write_text(PROVIDER)
        made = run_alone("keys create", "--name", "Odd", *SEARCH, "--config", config)
        assert (made.exit_code, made.stdout) == (1, "")
        assert "good in local mode only" in made.stderr
        assert "Sign in with a browser" in made.stderr


class TestList:
    def test_shows_ones_own_without_the_secret(self, run: Run) -> None:
        secret = run("keys create", "--name", "Mine", *SEARCH, "--as", "lea").stdout.strip()
        run("keys create", "--name", "Theirs", *SEARCH, "--as", "leo")
        shown = run("keys list", "--as", "lea")
        rows = [line.split() for line in shown.stdout.splitlines()]
        assert rows[0] == ["id", "name", "key", "scope", "status", "expires", "last", "used"]
        assert [row[1:5] for row in rows[1:]] == [
            ["Mine", f"{secret[:12]}…", "search:query", "active"]
        ]
        assert rows[1][-1] == "never"
        assert secret not in shown.stdout
        ApiKeyRead.model_validate(listed(run, "lea")[0])

    def test_is_complete_however_many_pages_there_are(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("one", "two", "three"):
            run("keys create", "--name", name, *SEARCH, "--as", "max")
        monkeypatch.setattr("muniment.cli.paging.MAX_LIMIT", 1)
        assert [key["name"] for key in listed(run, "max")] == ["three", "two", "one"]


class TestRevoke:
    def test_ends_a_key_of_ones_own(self, run: Run) -> None:
        run("keys create", "--name", "Mine", *SEARCH, "--as", "noa")
        key = str(listed(run, "noa")[0]["id"])
        stranger = run("keys revoke", key, "--as", "nia")
        assert (stranger.exit_code, stranger.stdout) == (1, "")
        assert "no API key with this id" in stranger.stderr
        assert listed(run, "noa")[0]["status"] == "active"
        assert run("keys revoke", key, "--as", "noa").stdout == f"revoked {key}\n"
        assert listed(run, "noa")[0]["status"] == "revoked"
