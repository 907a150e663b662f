from pathlib import Path

import pytest

from muniment.app.reference import PAGES, find_errors, main, write_settings_reference

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


class TestPages:
    @pytest.mark.parametrize("name", PAGES)
    def test_page_is_true(self, name: str) -> None:
        written = (REFERENCE / name).read_text(encoding="utf-8")
        assert written == PAGES[name](), "run `make fix`"

    def test_check_names_the_pages_that_are_not_true(self, tmp_path: Path) -> None:
        main([str(tmp_path)])
        main(["--check", str(tmp_path)])
        (tmp_path / "errors.md").write_text("nothing ever fails")
        with pytest.raises(SystemExit, match=r"errors\.md\. Run `make fix`"):
            main(["--check", str(tmp_path)])

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
