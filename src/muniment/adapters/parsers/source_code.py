"""Programs and settings files: what is in the file is the text, line by line.

No headings: what would be one differs with each language, and a guess is worse than none.
"""

from pathlib import Path

from muniment.adapters.parsers.canonical import read_text, require_text
from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.media_types import SOURCE_CODE
from muniment.ports.parsing import ParsedDocument


class SourceCodeParser:
    """Reads source code as plain text."""

    media_types = SOURCE_CODE
    revision = "source-code-1"

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        """Read a source file. Raises ParseError."""
        return ParsedDocument(require_text(read_text(path)))


PLUGIN = PluginFactory(NoSettings, lambda _settings: SourceCodeParser())
