from collections.abc import Mapping
from xml.parsers.expat import ExpatError

import pytest
from typing_extensions import override

from muniment.adapters.parsers.xmlpart import XmlHandler, read_part
from muniment.ports.parsing import ParseError


class Recorder(XmlHandler):
    wanted = frozenset({"a", "b"})

    def __init__(self) -> None:
        self.seen: list[object] = []

    @override
    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self.seen.append((name, dict(attributes)))

    @override
    def end(self, name: str) -> None:
        self.seen.append(f"/{name}")

    @override
    def text(self, text: str) -> None:
        self.seen.append(text)


def read(*pieces: bytes) -> list[object]:
    recorder = Recorder()
    read_part(pieces, recorder)
    return recorder.seen


class TestReadPart:
    def test_names_come_without_namespaces_and_others_are_passed_over(self) -> None:
        source = b'<x:a xmlns:x="urn:x" x:id="1" lang="en"><other>words</other><b/></x:a>'
        assert read(source) == [
            ("a", {"id": "1", "lang": "en"}),
            "words",
            ("b", {}),
            "/b",
            "/a",
        ]

    def test_slices_may_cut_anywhere_even_inside_a_character(self) -> None:
        source = "<a key='ä'>漢字 \U0001f600</a>".encode()
        sliced = read(*(source[at : at + 1] for at in range(len(source))))
        assert sliced[0] == ("a", {"key": "ä"})
        assert "".join(str(piece) for piece in sliced[1:-1]) == "漢字 \U0001f600"
        assert sliced[-1] == "/a"

    @pytest.mark.parametrize(
        "doctype",
        [
            "<!DOCTYPE a>",
            '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/x.dtd">',
            '<!DOCTYPE a [<!ENTITY e "x">]>',
        ],
    )
    def test_a_document_type_is_refused_before_anything_of_it_is_used(self, doctype: str) -> None:
        with pytest.raises(ParseError) as caught:
            read(f"{doctype}<a>words</a>".encode())
        assert caught.value.code == "malformed"

    @pytest.mark.parametrize(
        "source", [b"", b"<a>", b"<a></b>", b"<a/><a/>", b"<a>&unknown;</a>", b"<a>\0</a>", b"x"]
    )
    def test_what_is_not_well_formed_is_an_error(self, source: bytes) -> None:
        with pytest.raises(ExpatError):
            read(source)

    @pytest.mark.parametrize(
        "source",
        [b"<a key='" + b"y" * 3_000_000 + b"'/>", b"<a><!--" + b"y" * 3_000_000 + b"--></a>"],
    )
    def test_a_tag_that_does_not_end_is_given_up(self, source: bytes) -> None:
        with pytest.raises(ParseError, match="more than a megabyte"):
            read(*(source[at : at + 65_536] for at in range(0, len(source), 65_536)))

    def test_long_text_is_no_long_tag(self) -> None:
        source = b"<a>" + b"y" * 3_000_000 + b"</a>"
        seen = read(*(source[at : at + 65_536] for at in range(0, len(source), 65_536)))
        assert sum(len(str(piece)) for piece in seen[1:-1]) == 3_000_000

    def test_names_of_two_meanings_keep_a_prefix(self) -> None:
        office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
        assert read(f"<a xmlns:r='{office}' id='1' r:id='2'/>".encode())[0] == (
            "a",
            {"id": "1", "r:id": "2"},
        )
        svg = "urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"
        assert read(f"<b xmlns:s='{svg}'><s:a>words</s:a></b>".encode()) == [
            ("b", {}),
            "words",
            "/b",
        ]
