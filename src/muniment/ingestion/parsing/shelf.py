"""The parsers of a child, found by entry point or by name, and sorted by media type.

Nobody but the composition root imports adapters. The child is a process of its own and so has a
root of its own: it knows parsers by entry point alone, built-in ones like anybody's.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint

from muniment.ingestion.parsing.wire import ParserSelection
from muniment.kit.errors import ConfigurationError
from muniment.kit.plugins import PluginFactory, PluginGroup, list_plugins, load_plugin
from muniment.ports.parsing import PARSER_GROUP, ParsedDocument, ParseError, Parser

PARSERS: PluginGroup[Parser] = PluginGroup(PARSER_GROUP, "parsers")


class BrokenParserError(Exception):
    """A parser gave what its port does not allow."""


@dataclass(frozen=True, slots=True)
class ParserShelf:
    """Parsers by media type."""

    by_media_type: Mapping[str, Parser]

    @property
    def media_types(self) -> tuple[str, ...]:
        """Every media type that can be read."""
        return tuple(sorted(self.by_media_type))

    @property
    def revision(self) -> str:
        """Changes whenever the same bytes may give another text."""
        return " ".join(sorted({parser.revision for parser in self.by_media_type.values()}))

    def parser_for(self, media_type: str) -> Parser:
        """Choose the parser. Raises ParseError."""
        parser = self.by_media_type.get(media_type)
        if parser is None:
            raise ParseError(
                "unsupported_media_type", f"Documents of the type {media_type} cannot be read."
            )
        return parser


def stock(selection: ParserSelection) -> ParserShelf:
    """Load the parsers. Raises ConfigurationError."""
    by_media_type: dict[str, Parser] = {}
    for parser in _load(selection):
        for media_type in parser.media_types:
            if media_type in by_media_type:
                raise ConfigurationError(
                    f"Two parsers read {media_type}.", hint="Uninstall one of them."
                )
            by_media_type[media_type] = parser
    return ParserShelf(by_media_type)


def require_canonical(document: ParsedDocument, max_text: int) -> None:
    """Check what a parser promises. Raises ParseError and BrokenParserError."""
    try:
        size = len(document.text.encode())
    except UnicodeEncodeError as error:
        raise BrokenParserError("the text holds lone surrogates") from error
    if size > max_text:
        raise ParseError(
            "too_large", f"The document holds more than {max_text} bytes of text; split it."
        )
    if "\0" in document.text or "\r" in document.text:
        raise BrokenParserError("the text is not canonical")
    if "\0" in (document.title or ""):
        raise BrokenParserError("the title holds a NUL, which the database takes nowhere")
    length = len(document.text)
    starts = document.page_starts
    if list(starts) != sorted(starts) or not all(0 <= start <= length for start in starts):
        raise BrokenParserError("the pages do not lie in the text")
    if not all(0 <= h.start < h.end <= length for h in document.headings):
        raise BrokenParserError("the headings do not lie in the text")


def _load(selection: ParserSelection) -> Iterable[Parser]:
    if selection.references:
        return [_load_reference(reference) for reference in selection.references]
    settings = selection.raw_settings
    return [load_plugin(PARSERS, name, settings.get(name, {})) for name in list_plugins(PARSERS)]


def _load_reference(reference: str) -> Parser:
    loaded: object = EntryPoint(reference, reference, PARSER_GROUP).load()
    if not isinstance(loaded, PluginFactory):
        raise ConfigurationError(f"'{reference}' does not name a plug-in factory.")
    parser: Parser = loaded.create(loaded.settings_model())
    return parser
