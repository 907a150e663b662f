"""Spreadsheets (Office Open XML, ECMA-376): sheet by sheet, row by row, with names of columns.

What a reader of the sheet sees is read: the stored result of a formula, dates as dates. Hidden
sheets are left out, as are charts, comments and pictures. Hidden rows and columns are read: a
filter hides rows too, and whether for a reason nobody can tell. Our own reader, because kreuzberg
4.10 reads hidden sheets, and gives rows without the names of their columns.
"""

from typing_extensions import override

from muniment.adapters.parsers.canonical import require_text
from muniment.adapters.parsers.cellformats import StylesReader
from muniment.adapters.parsers.container import (
    Container,
    ContainerKind,
    ContainerParser,
    ContainerSettings,
)
from muniment.adapters.parsers.flow import TextFlow
from muniment.adapters.parsers.opc import main_part, relationships_of, title_of
from muniment.adapters.parsers.rows import RowWriter
from muniment.adapters.parsers.sheetml import (
    CellValues,
    SharedStringsReader,
    SheetReader,
    WorkbookReader,
)
from muniment.kit.plugins import PluginFactory
from muniment.ports.parsing import ParsedDocument, ParseError

_KIND = ContainerKind("a spreadsheet", ".xlsx", old_ending=".xls")


class XlsxParser(ContainerParser):
    """Reads spreadsheets (.xlsx)."""

    media_types = frozenset({"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"})
    revision = "xlsx-1"
    kind = _KIND

    @override
    def read(self, container: Container) -> ParsedDocument:
        """Read a spreadsheet. Raises ParseError."""
        return _read(container)


def _read(container: Container) -> ParsedDocument:
    main = main_part(container, "xl/workbook.xml")
    workbook = WorkbookReader()
    if not container.feed(main, workbook) or not workbook.sheets:
        raise _KIND.lacks_parts()
    targets = relationships_of(container, main)
    strings, styles = SharedStringsReader(), StylesReader()
    for kind, handler in (("/sharedStrings", strings), ("/styles", styles)):
        for target in (r.target for r in targets if r.kind.endswith(kind)):
            container.feed(target, handler)
    values = CellValues(strings.strings, styles.formats, workbook.counts_from_1904)
    parts = {r.id: r.target for r in targets if r.kind.endswith("/worksheet")}
    flow = TextFlow()
    filled = 0
    for sheet in workbook.sheets:
        if sheet.relationship in parts and not sheet.is_hidden:
            part = parts[sheet.relationship]
            filled += _write_sheet(container, part, sheet.name, values, flow)
    if not filled:
        raise ParseError("empty_document", "There are no values in the sheets that are shown.")
    text, headings = flow.finish()
    return ParsedDocument(require_text(text), title=title_of(container), headings=headings)


def _write_sheet(
    container: Container, part: str, name: str, values: CellValues, flow: TextFlow
) -> int:
    """Write a sheet under its name, and give its number of rows; an empty one is left out."""
    writer = RowWriter(flow, heading=name)
    container.feed(part, SheetReader(values, writer.write))
    writer.finish()
    return writer.rows


PLUGIN = PluginFactory(ContainerSettings, XlsxParser)
