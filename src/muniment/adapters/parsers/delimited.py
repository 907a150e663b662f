"""CSV and TSV (RFC 4180, text/tab-separated-values): row by row, with the names of the columns.

The separator is found by trying those in use; the standard library's own guess is wrong too often
and slow on hostile text.
"""

import csv
import io
from pathlib import Path

from muniment.adapters.parsers.canonical import read_text, require_text
from muniment.adapters.parsers.flow import TextFlow
from muniment.adapters.parsers.rows import RowWriter
from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.parsing import ParsedDocument, ParseError

_TSV = "text/tab-separated-values"
_SEPARATORS = ",;\t|"
_LONGEST_CELL = 2**20
_SAMPLE_CHARACTERS = 65_536
_SAMPLE_ROWS = 30


class DelimitedParser:
    """Reads tables whose cells are divided by commas, semicolons, tabs or bars."""

    media_types = frozenset({"text/csv", _TSV})
    revision = "delimited-1"

    def parse(self, path: Path, media_type: str, /) -> ParsedDocument:
        """Read a CSV or TSV file. Raises ParseError."""
        text = require_text(read_text(path))
        separator = "\t" if media_type == _TSV else _separator_of(text)
        csv.field_size_limit(_LONGEST_CELL)
        flow = TextFlow()
        writer = RowWriter(flow)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            for row in rows:
                writer.write(dict(enumerate(row)))
        except csv.Error as error:
            raise ParseError(
                "malformed",
                f"The table cannot be read near line {rows.line_num}: a cell has more than a"
                " million characters. A quotation mark may be missing.",
            ) from error
        writer.finish()
        return ParsedDocument(require_text(flow.finish()[0]))


def _separator_of(text: str) -> str:
    """Choose the separator that cuts the first rows into most cells, alike in number."""
    sample = text[:_SAMPLE_CHARACTERS]
    return max(_SEPARATORS, key=lambda separator: _fit(sample, separator))


def _fit(sample: str, separator: str) -> tuple[int, int]:
    """Give in how many rows the commonest width above one is found, and that width."""
    csv.field_size_limit(_SAMPLE_CHARACTERS)
    widths: list[int] = []
    for row in csv.reader(io.StringIO(sample, newline=""), delimiter=separator):
        widths.append(len(row))
        if len(widths) == _SAMPLE_ROWS:
            break
    cut = [width for width in widths if width > 1]
    if not cut:
        return 0, 0
    commonest = max(set(cut), key=lambda width: (cut.count(width), width))
    return cut.count(commonest), commonest


PLUGIN = PluginFactory(NoSettings, lambda _settings: DelimitedParser())
