"""Word documents (Office Open XML, ECMA-376): body, tables, footnotes; headings by style.

Our own reader on the standard library's zip and expat, because kreuzberg 4.10 drops every `&`,
`<` and `>` of the text. Parts are inflated in slices and counted, document type declarations are
refused (no entities, so no billion laughs and nothing fetched). There are no page numbers: the
file does not hold them, and a wrong page is worse than none.
"""

from typing_extensions import override

from muniment.adapters.parsers.canonical import require_text
from muniment.adapters.parsers.container import (
    Container,
    ContainerKind,
    ContainerParser,
    ContainerSettings,
)
from muniment.adapters.parsers.opc import main_part, title_of
from muniment.adapters.parsers.wordml import BodyReader, StylesReader
from muniment.kit.plugins import PluginFactory
from muniment.ports.parsing import ParsedDocument

_KIND = ContainerKind("a Word document", ".docx", old_ending=".doc")


class DocxParser(ContainerParser):
    """Reads Word documents (.docx)."""

    media_types = frozenset(
        {"application/vnd.openxmlformats-officedocument.wordprocessingml.document"}
    )
    revision = "docx-1"
    kind = _KIND

    @override
    def read(self, container: Container) -> ParsedDocument:
        """Read a Word document. Raises ParseError."""
        return _read(container)


def _read(container: Container) -> ParsedDocument:
    main = main_part(container, "word/document.xml")
    folder = main[: main.rfind("/") + 1]
    styles = StylesReader()
    container.feed(f"{folder}styles.xml", styles)
    body = BodyReader(styles.levels())
    if not container.feed(main, body) or not body.is_document:
        raise _KIND.lacks_parts()
    for notes in ("footnotes", "endnotes"):
        container.feed(f"{folder}{notes}.xml", body)
    text, headings = body.flow.finish()
    first = next((text[h.start : h.end] for h in headings), None)
    return ParsedDocument(require_text(text), title=title_of(container) or first, headings=headings)


PLUGIN = PluginFactory(ContainerSettings, DocxParser)
