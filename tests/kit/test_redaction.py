import pytest

from muniment.kit.redaction import REDACTED, redact_event, redact_text, redact_value

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl"


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
        ],
    )
    def test_blanks_secrets_and_nothing_else(self, text: str, expected: str) -> None:
        assert redact_text(text) == expected


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
        value: object = {"url": "amqp://a:hunter2@b"}
        for _ in range(8):
            value = {"inner": value}
        assert "hunter2" not in str(redact_value("outer", value))


class TestRedactEvent:
    def test_cleans_every_field(self) -> None:
        event = redact_event(None, "info", {"event": f"with {JWT}", "token": "x", "n": 1})
        assert event == {"event": f"with {REDACTED}", "token": REDACTED, "n": 1}
