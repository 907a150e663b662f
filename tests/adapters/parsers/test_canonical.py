from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.adapters.parsers.canonical import decode, read_bytes, read_text, require_text, settle
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


class TestReadBytes:
    def test_an_empty_file_is_named_as_such(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"")
        with pytest.raises(ParseError, match="0 bytes") as caught:
            read_bytes(tmp_path / "a")
        assert caught.value.code == "empty_document"


class TestRequireText:
    @pytest.mark.parametrize("text", ["", " \n\t\f", "\u00a0\u3000\u2028"])
    def test_white_space_of_any_script_is_nothing_to_read(self, text: str) -> None:
        with pytest.raises(ParseError) as caught:
            require_text(text)
        assert caught.value.code == "empty_document"

    def test_gives_text_back_unchanged(self) -> None:
        assert require_text(" a\n") == " a\n"


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

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
    def test_a_byte_order_mark_beats_what_is_declared(self, encoding: str) -> None:
        assert decode("naïve 漢".encode(encoding), "shift_jis") == "naïve 漢"

    @pytest.mark.parametrize(
        ("raw", "encoding"),
        [
            (b"\xff\xfe\x00\x00" + "a漢".encode("utf-32-le"), "utf-32-le"),
            (b"\x00\x00\xfe\xff" + "a漢".encode("utf-32-be"), "utf-32-be"),
            (b"\xff\xfe" + "a漢".encode("utf-16-le"), "utf-16-le"),
        ],
    )
    def test_marks_that_begin_alike_are_told_apart(self, raw: bytes, encoding: str) -> None:
        assert decode(raw) == "a漢", encoding

    def test_what_is_declared_counts_where_utf_8_fails(self) -> None:
        assert decode("naïve".encode(), "cp1252") == "naïve"
        assert decode(b"na\xefve", "cp1252") == "naïve"
        assert decode("漢字".encode("euc_jp"), "euc_jp") == "漢字"
        assert decode(b"abc\xff", "euc_jp") == "abc\ufffd"

    def test_the_share_of_control_characters_tells_text_from_binary(self) -> None:
        assert settle(decode(b"\x01" * 8 + b"a" * 92)) == "a" * 92
        with pytest.raises(ParseError, match="binary content"):
            decode(b"\x01" * 9 + b"a" * 91)

    def test_white_space_and_the_escape_of_terminals_are_no_sign_of_binary(self) -> None:
        assert settle(decode(b"\t\n\r\f\x0b\x1b" * 50)).count("\n") == 150

    def test_only_the_beginning_is_judged(self) -> None:
        assert decode(b"a" * 65_536 + bytes(65_536)).startswith("aaa")

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
