from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.adapters.parsers.canonical import decode, read_text, settle
from muniment.ports.parsing import ParseError


class TestSettle:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            ("a\r\nb\rc\nd", "a\nb\nc\nd"),
            ("a\x0bb\x85c", "a\nb\nc"),
            ("be\x00fore\x07\x7f\x9f", "before"),
            ("tab\tfeed\f", "tab\tfeed\f"),
            ("lone \ud800 surrogate", "lone  surrogate"),
        ],
    )
    def test_makes_text_canonical(self, raw: str, text: str) -> None:
        assert settle(raw) == text

    def test_keeps_characters_that_a_normal_form_would_replace(self) -> None:
        angstrom_and_decomposed = "\u212b e\u0301 \uf900"
        assert settle(angstrom_and_decomposed) == angstrom_and_decomposed

    @given(st.text(st.characters()))
    def test_changes_nothing_the_second_time(self, raw: str) -> None:
        once = settle(raw)
        assert settle(once) == once
        assert once.encode().decode() == once


class TestDecode:
    @pytest.mark.parametrize(
        ("raw", "text"),
        [
            pytest.param("naïve 漢字 \U0001f600".encode(), "naïve 漢字 \U0001f600", id="utf-8"),
            pytest.param("naïve".encode("utf-8-sig"), "naïve", id="utf-8-with-mark"),
            pytest.param("naïve \U0001f600".encode("utf-16"), "naïve \U0001f600", id="utf-16"),
            pytest.param(b"\xfe\xff" + "naïve".encode("utf-16-be"), "naïve", id="utf-16-be"),
            pytest.param("naïve “q”".encode("cp1252"), "naïve “q”", id="windows-1252"),
            pytest.param(b"a\x81b\xe9", "a\ufffdb\xe9", id="undefined-in-windows-1252"),
            pytest.param(
                "naïve résumé ".encode() + b"\xc3", "naïve résumé \ufffd", id="cut-off-utf-8"
            ),
        ],
    )
    def test_finds_the_encoding(self, raw: bytes, text: str) -> None:
        assert decode(raw) == text

    def test_refuses_binary_content(self) -> None:
        with pytest.raises(ParseError) as caught:
            decode(bytes(range(256)) * 10)
        assert caught.value.code == "malformed"

    def test_bears_a_few_nul_bytes(self, tmp_path: Path) -> None:
        path = tmp_path / "nul.txt"
        path.write_bytes(b"before\x00after and some ordinary words " * 20)
        assert read_text(path).startswith("beforeafter and")

    @given(st.binary(min_size=1))
    def test_gives_text_or_a_parse_error_for_any_bytes(self, raw: bytes) -> None:
        try:
            text = settle(decode(raw))
        except ParseError:
            return
        assert "\0" not in text
        assert text.encode().decode() == text
