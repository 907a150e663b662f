from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.kit.redaction import REDACTED, redact_event, redact_text, redact_value
from tests.support.growth import grows_in_proportion

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"

KEY = "mun_" + "a1B2c3D" * 7


@dataclass(frozen=True)
class Credentials:
    user: str
    password: str


class TestRedactText:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("postgresql://app:pa:ss@db:5432/x", f"postgresql://app:{REDACTED}@db:5432/x"),
            ("postgresql://app@db/x", "postgresql://app@db/x"),
            (f"got {JWT}!", f"got {REDACTED}!"),
            ("Authorization: Bearer abcdefgh12345", f"Authorization: Bearer {REDACTED}"),
            ("/callback?code=hunter2&state=1", f"/callback?code={REDACTED}&state=1"),
            ("https://example.com/a?page=2", "https://example.com/a?page=2"),
            ("nothing to hide", "nothing to hide"),
            ("postgresql://app:p@ss@db/x and a@b", f"postgresql://app:{REDACTED}@db/x and a@b"),
            ("?access_token=abc&b=1", f"?access_token={REDACTED}&b=1"),
            ("client_secret=abc,x", f"client_secret={REDACTED}"),
            ("PGPASSWORD=abc psql", f"PGPASSWORD={REDACTED} psql"),
            ("Store(password='a \\' b', n=1)", f"Store(password={REDACTED}, n=1)"),
            ("X-Api-Key=abc", f"X-Api-Key={REDACTED}"),
            ('{"password": "a\\"b", "n": 1}', f'{{"password": {REDACTED}, "n": 1}}'),
            ("{'refresh_token': 'abc'}", f"{{'refresh_token': {REDACTED}}}"),
            (f"session_{JWT}", f"session_{REDACTED}"),
            (f"got {KEY}!", f"got {REDACTED}!"),
            (f"/search?q={KEY[:20]}", f"/search?q={REDACTED}"),
            (f"%20{KEY}", f"%20{REDACTED}"),
            (f"{KEY[:12]}… is the import's", f"{KEY[:12]}… is the import's"),
            ("basic dXNlcjpwYXNz", f"basic {REDACTED}"),
            ("max_tokens=5 tokens='many'", "max_tokens=5 tokens='many'"),
            ('{"tokens": "many", "encode": "x"}', '{"tokens": "many", "encode": "x"}'),
            ("encode=hex barcode=12", "encode=hex barcode=12"),
            ("a = b == c", "a = b == c"),
            ("http://[::1]:8000/a", "http://[::1]:8000/a"),
        ],
    )
    def test_blanks_secrets_and_nothing_else(self, text: str, expected: str) -> None:
        assert redact_text(text) == expected

    @given(
        st.text("abc_ \n\"'&=:,{}()[]/", max_size=20),
        st.sampled_from(
            [
                "password={}",
                "?api_key={}",
                "token='{}'",
                '"client_secret": "{}"',
                "'Authorization': '{}'",
                "amqp://me:{}@host",
                "Bearer {}",
            ]
        ),
        st.text("abc_ \n\"'&=:,{}()[]/", max_size=20),
    )
    def test_no_surroundings_let_a_secret_through(self, left: str, form: str, right: str) -> None:
        # A word before the name would make another name of it, and a quote would close the first.
        text = f"{left}\n{form.format('hunter2-hunter2')} {right}"
        assert "hunter2" not in redact_text(text)

    @given(st.text())
    def test_a_second_look_finds_nothing_new(self, text: str) -> None:
        once = redact_text(f"password=x {text} ://a:b@c")
        assert redact_text(once) == once

    @pytest.mark.parametrize("unit", ["://:", "eyJ", "a=", "token", "'a':", '"token": "', "_eyJ"])
    def test_takes_time_in_proportion_to_its_length(self, unit: str) -> None:
        assert grows_in_proportion(lambda units: redact_text("=" + unit * units), few=5_000)


class TestRedactValue:
    @pytest.mark.parametrize(
        "name",
        ["Authorization", "access_token", "password", "client_secret", "API_KEY", "set-cookie"],
    )
    def test_telling_names_are_blanked(self, name: str) -> None:
        assert redact_value(name, "x") == REDACTED
        assert redact_value("headers", {name: ["x"]}) == {name: REDACTED}

    def test_numbers_and_harmless_names_stay(self) -> None:
        assert redact_value("max_tokens", 5) == 5
        assert redact_value("tokens", "five") == "five"
        assert redact_value("pages", [1, "two"]) == [1, "two"]

    def test_deep_values_are_flattened_and_blanked(self) -> None:
        value: object = {"url": "amqp://a:hunter2@b", "password": "hunter2"}
        for _ in range(8):
            value = {"inner": value}
        assert "hunter2" not in str(redact_value("outer", value))

    @pytest.mark.parametrize(
        "value",
        [
            ValueError("postgresql://app:hunter2@db/x"),
            b"password=hunter2",
            bytearray(b"\xff token=hunter2"),
            Path("/run/token=hunter2"),
            Credentials("app", "hunter2"),
            [{"deep": (ValueError("secret=hunter2"),)}],
            {"a": {"password": ["hunter2"]}},
            frozenset({"code=hunter2"}),
        ],
    )
    def test_whatever_has_a_text_is_looked_into(self, value: object) -> None:
        cleaned = redact_value("value", value)
        assert "hunter2" not in str(cleaned)
        assert REDACTED in str(cleaned)

    @pytest.mark.parametrize(
        "value",
        [None, True, 7, 0.5, UUID(int=7), date(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)],
    )
    def test_what_holds_no_words_stays_what_it_is(self, value: object) -> None:
        assert redact_value("value", value) is value


class TestRedactEvent:
    def test_cleans_every_field(self) -> None:
        event = redact_event(None, "info", {"event": f"with {JWT}", "token": "x", "n": 1})
        assert event == {"event": f"with {REDACTED}", "token": REDACTED, "n": 1}

    def test_leaves_the_exception_to_whoever_lays_it_out(self) -> None:
        error = ValueError("boom")
        given = (ValueError, error, None)
        assert redact_event(None, "error", {"event": "x", "exc_info": given})["exc_info"] is given
