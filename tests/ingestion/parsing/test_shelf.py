"""Parsers by media type, and what is not believed of them."""

from pathlib import Path

import pytest

from muniment.ingestion.parsing.shelf import (
    BrokenParserError,
    ParserShelf,
    require_canonical,
    stock,
)
from muniment.ingestion.parsing.wire import ParserSelection
from muniment.kit.errors import ConfigurationError
from muniment.ports.parsing import Heading, ParsedDocument, ParseError

LIMIT = 100


class Reads:
    def __init__(self, revision: str, *media_types: str) -> None:
        self.revision = revision
        self.media_types = frozenset(media_types)

    def parse(self, _path: Path, _media_type: str, /) -> ParsedDocument:
        return ParsedDocument(self.revision)


class TestShelf:
    def test_finds_the_parser_of_a_type(self) -> None:
        text, pages = Reads("text-1", "text/plain"), Reads("pages-2", "text/html", "text/x")
        shelf = ParserShelf({"text/plain": text, "text/html": pages, "text/x": pages})
        assert shelf.parser_for("text/html") is pages
        assert shelf.media_types == ("text/html", "text/plain", "text/x")
        assert shelf.revision == "pages-2 text-1"

    @pytest.mark.parametrize("media_type", ["image/png", "", "TEXT/PLAIN"])
    def test_has_a_code_for_a_type_that_nobody_reads(self, media_type: str) -> None:
        with pytest.raises(ParseError) as caught:
            ParserShelf({"text/plain": Reads("1", "text/plain")}).parser_for(media_type)
        assert caught.value.code == "unsupported_media_type"


class TestStock:
    def test_of_what_is_installed_reads_what_the_product_promises(self) -> None:
        shelf = stock(ParserSelection())
        assert {"text/plain", "text/markdown", "text/html", "application/pdf"} <= {
            *shelf.media_types
        }
        assert shelf.revision

    def test_knows_no_setting_that_a_parser_does_not_know(self) -> None:
        with pytest.raises(ConfigurationError):
            stock(ParserSelection(raw_settings={"text": {"no_such_setting": 1}}))

    def test_takes_nothing_that_is_no_plug_in(self) -> None:
        with pytest.raises(ConfigurationError, match="does not name a plug-in"):
            stock(ParserSelection(("pathlib:Path",)))


class TestCanonical:
    @pytest.mark.parametrize(
        "document",
        [
            ParsedDocument(""),
            ParsedDocument("x" * LIMIT),
            ParsedDocument("\x0c\t\n漢\U0001f6a2\u202e"),
            ParsedDocument("abc", title="T", page_starts=(0, 0, 2, 3, 3)),
            ParsedDocument("abc", headings=(Heading(0, 3, 1), Heading(2, 3, 6))),
        ],
    )
    def test_is_taken(self, document: ParsedDocument) -> None:
        require_canonical(document, LIMIT)

    @pytest.mark.parametrize(
        "document",
        [
            ParsedDocument("a\0b"),
            ParsedDocument("a\r\nb"),
            ParsedDocument("\ud800"),
            ParsedDocument("abc", title="a\0b"),
            ParsedDocument("abc", page_starts=(2, 1)),
            ParsedDocument("abc", page_starts=(0, 4)),
            ParsedDocument("abc", page_starts=(-1,)),
            ParsedDocument("abc", headings=(Heading(1, 1, 1),)),
            ParsedDocument("abc", headings=(Heading(2, 1, 1),)),
            ParsedDocument("abc", headings=(Heading(0, 4, 1),)),
            ParsedDocument("abc", headings=(Heading(-1, 2, 1),)),
            # Offsets count code points, so bytes beyond them do not make room.
            ParsedDocument("漢", page_starts=(3,)),
        ],
    )
    def test_is_not_believed(self, document: ParsedDocument) -> None:
        with pytest.raises(BrokenParserError):
            require_canonical(document, LIMIT)

    @pytest.mark.parametrize("text", ["x" * (LIMIT + 1), "漢" * (LIMIT // 3 + 1)])
    def test_is_bounded_in_bytes(self, text: str) -> None:
        with pytest.raises(ParseError) as caught:
            require_canonical(ParsedDocument(text), LIMIT)
        assert caught.value.code == "too_large"
