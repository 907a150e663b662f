from pathlib import Path

import pytest

from muniment.app.reference import find_errors, write_errors_reference, write_settings_reference

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


class TestPages:
    def test_settings_are_true(self) -> None:
        written = (REFERENCE / "settings.md").read_text(encoding="utf-8")
        assert written == write_settings_reference(), "run `make fix`"

    def test_errors_are_true(self) -> None:
        written = (REFERENCE / "errors.md").read_text(encoding="utf-8")
        assert written == write_errors_reference(), "run `make fix`"

    def test_the_home_of_the_writer_is_not_on_the_page(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        before = write_settings_reference()
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert write_settings_reference() == before


class TestErrors:
    def test_every_code_is_one_word_of_one_class(self) -> None:
        kinds = list(find_errors())
        assert len(kinds) > 15
        for kind in kinds:
            assert kind.code.replace("_", "").isalnum(), kind
            assert kind.code == kind.code.lower(), kind
            assert 400 <= kind.status <= 599, kind
            assert kind.__doc__, kind
            assert not kind.title.endswith("."), kind
