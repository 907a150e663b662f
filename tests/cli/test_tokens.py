"""Tokens from the command line: what they say, and what is no token."""

import base64
import json
from datetime import timedelta

import pytest

from muniment.cli.command import UsageError
from muniment.cli.tokens import read_attributes
from muniment.ports.access import AttributeValue
from tests.cli.conftest import Run

TYPES = {"clearance": "int", "department": "str"}


def claims_of(run_alone: Run, *options: str) -> dict[str, object]:
    result = run_alone("token", "--user", "alice", *options)
    assert (result.exit_code, result.stderr) == (0, "")
    payload = result.stdout.split(".")[1]
    read: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return read


class TestToken:
    def test_says_who_it_speaks_for(self, run_alone: Run) -> None:
        claims = claims_of(
            run_alone,
            *("--role", "member", "--role", "auditor", "--group", "/eng/search"),
            *("--attr", "clearance=-3", "--tenant", "acme"),
        )
        assert (claims["sub"], claims["organization"]) == ("alice", ["acme"])
        assert claims["resource_access"] == {"muniment-api": {"roles": ["auditor", "member"]}}
        assert claims["groups"] == ["/eng/search"]
        assert claims["clearance"] == -3

    def test_is_that_of_a_member_of_the_default_tenant_unless_said(self, run_alone: Run) -> None:
        claims = claims_of(run_alone)
        assert claims["resource_access"] == {"muniment-api": {"roles": ["member"]}}
        assert (claims["organization"], claims["groups"]) == (["default"], [])

    @pytest.mark.parametrize(
        ("written", "lifetime"),
        [
            ("90s", timedelta(seconds=90)),
            ("15m", timedelta(minutes=15)),
            ("1h", timedelta(hours=1)),
            ("30d", timedelta(days=30)),
            ("45", timedelta(seconds=45)),
            ("PT1H30M", timedelta(minutes=90)),
            ("P1D", timedelta(days=1)),
        ],
    )
    def test_lives_as_long_as_was_said(
        self, run_alone: Run, written: str, lifetime: timedelta
    ) -> None:
        claims = claims_of(run_alone, "--ttl", written)
        seconds = int(str(claims["exp"])) - int(str(claims["iat"]))
        assert seconds == lifetime.total_seconds()

    @pytest.mark.parametrize(
        "ttl",
        [
            "", "h", "1.5h", "1w", "-1h", "-5", "31d", "0", "soon", "9" * 5000 + "s",
            "99999999999999d", "9" * 30, "PT", "1h30m", "²h",
        ],
    )  # fmt: skip
    def test_of_no_length_that_can_be_is_wrong_usage(self, run_alone: Run, ttl: str) -> None:
        result = run_alone("token", "--user", "alice", f"--ttl={ttl}")
        assert (result.exit_code, result.stdout) == (2, ""), result.stderr
        assert "unexpected" not in result.stderr

    @pytest.mark.parametrize("tenant", ["", " ", "a/b", "x" * 64, "."])
    def test_of_no_tenant_is_wrong_usage(self, run_alone: Run, tenant: str) -> None:
        result = run_alone("token", "--user", "alice", f"--tenant={tenant}")
        assert (result.exit_code, result.stdout) == (2, "")

    @pytest.mark.parametrize("user", ["", " ", "a\nb", "\x1b[2J", "x" * 256, "\udcff"])
    def test_of_nobody_is_wrong_usage_and_steers_no_terminal(
        self, run_alone: Run, user: str
    ) -> None:
        result = run_alone("token", f"--user={user}")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "\x1b" not in result.stderr


class TestReadAttributes:
    @pytest.mark.parametrize(
        ("pair", "expected"),
        [
            ("clearance=3", {"clearance": 3}),
            ("clearance=-3", {"clearance": -3}),
            ("clearance=007", {"clearance": 7}),
            ("clearance=٣", {"clearance": 3}),
            ("department=hr", {"department": "hr"}),
            ("department=3", {"department": "3"}),
            ("department=a=b", {"department": "a=b"}),
            ("department=", {"department": ""}),
            ("undeclared=3", {"undeclared": "3"}),
        ],
    )
    def test_types_are_those_of_the_settings(
        self, pair: str, expected: dict[str, AttributeValue]
    ) -> None:
        assert read_attributes([pair], TYPES) == expected

    @pytest.mark.parametrize(
        "pair",
        [
            "clearance", "=3", "clearance=", "clearance=high", "clearance=--3", "clearance=3-",
            "clearance=-", "clearance=3.0", "clearance=+3", "clearance= 3", "clearance=3\n",
            "clearance=²", "clearance=" + "9" * 5000,
        ],
    )  # fmt: skip
    def test_what_is_no_attribute_is_wrong_usage(self, pair: str) -> None:
        with pytest.raises(UsageError):
            read_attributes([pair], TYPES)

    def test_the_last_word_on_an_attribute_counts(self) -> None:
        assert read_attributes(["clearance=1", "clearance=2"], TYPES) == {"clearance": 2}
