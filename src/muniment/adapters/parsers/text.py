"""Plain text: what is in the file is the text."""

from pathlib import Path

from muniment.adapters.parsers.canonical import read_text, require_text
from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.parsing import ParsedDocument


class TextParser:
    """Reads plain text of unknown encoding."""

    media_types = frozenset({"text/plain"})
    revision = "text-1"

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        """Read a text file. Raises ParseError."""
        return ParsedDocument(require_text(read_text(path)))


PLUGIN = PluginFactory(NoSettings, lambda _settings: TextParser())
