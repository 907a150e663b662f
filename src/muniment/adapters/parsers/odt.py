"""OpenDocument texts (OASIS ODF): headings, paragraphs, lists, tables; notes at the end.

Our own reader, because kreuzberg 4.10 drops words of tables that have a style of their own. Page
numbers are not in the file.
"""

from typing_extensions import override

from muniment.adapters.parsers.canonical import require_text
from muniment.adapters.parsers.container import (
    Container,
    ContainerKind,
    ContainerParser,
    ContainerSettings,
    encrypted,
)
from muniment.adapters.parsers.odfml import ManifestReader, OdfBodyReader
from muniment.adapters.parsers.opc import TitleReader
from muniment.kit.plugins import PluginFactory
from muniment.ports.parsing import ParsedDocument

_KIND = ContainerKind("an OpenDocument text", ".odt")


class OdtParser(ContainerParser):
    """Reads OpenDocument texts (.odt)."""

    media_types = frozenset({"application/vnd.oasis.opendocument.text"})
    revision = "odt-1"
    kind = _KIND

    @override
    def read(self, container: Container) -> ParsedDocument:
        """Read an OpenDocument text. Raises ParseError."""
        return _read(container)


def _read(container: Container) -> ParsedDocument:
    manifest = ManifestReader()
    container.feed("META-INF/manifest.xml", manifest)
    if manifest.is_encrypted:
        raise encrypted()
    body = OdfBodyReader()
    if not container.feed("content.xml", body) or not body.is_text:
        raise _KIND.lacks_parts()
    body.finish()
    text, headings = body.flow.finish()
    properties = TitleReader()
    container.feed("meta.xml", properties)
    first = next((text[h.start : h.end] for h in headings), None)
    return ParsedDocument(require_text(text), title=properties.title or first, headings=headings)


PLUGIN = PluginFactory(ContainerSettings, OdtParser)
