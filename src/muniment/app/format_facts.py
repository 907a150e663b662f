"""What is kept of each file format: the table that is published, held to its word by a test."""

from dataclasses import dataclass
from enum import StrEnum


class Pages(StrEnum):
    """What the page of a citation counts."""

    NONE = ""
    PAGE = "page"
    SLIDE = "slide"


class Tables(StrEnum):
    """How the rows of a table come into the text."""

    NONE = ""
    AS_WRITTEN = "as in the source"
    CELLS = "row by row, tabs between cells"
    NAMED = "row by row, each value with the name of its column"


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """What the parser of a plug-in keeps and what it leaves out."""

    plugin: str
    headings: str
    """What becomes a heading; empty when nothing does."""
    pages: Pages
    tables: Tables
    remarks: str


FORMATS = (
    FormatFacts(
        "code",
        "",
        Pages.NONE,
        Tables.NONE,
        "The source as it is.",
    ),
    FormatFacts(
        "csv",
        "",
        Pages.NONE,
        Tables.NAMED,
        "The first wide row names the columns if it holds words only; otherwise the values stand"
        " alone. The separator is found (comma, semicolon, tab, bar).",
    ),
    FormatFacts(
        "docx",
        "by style",
        Pages.NONE,
        Tables.CELLS,
        "With footnotes and text boxes. Left out: headers, footers, comments, hidden and deleted"
        " words.",
    ),
    FormatFacts(
        "email",
        "",
        Pages.NONE,
        Tables.NONE,
        "From, To, Cc, Date and Subject, then the text; its HTML variant where there is no other."
        " Attachments are named, not read.",
    ),
    FormatFacts(
        "epub",
        "of the chapters",
        Pages.NONE,
        Tables.CELLS,
        "Chapters in the order of the book. One without a heading takes its name in the table of"
        " contents.",
    ),
    FormatFacts(
        "html",
        "`h1` to `h6`",
        Pages.NONE,
        Tables.CELLS,
        "The visible text. Left out: scripts, navigation, forms' buttons, the footer of the page.",
    ),
    FormatFacts(
        "json",
        "",
        Pages.NONE,
        Tables.NAMED,
        "An object of a list is a line of `name: value`; names of inner values tell the way to"
        " them (`address.city`). Empty values are left out.",
    ),
    FormatFacts(
        "markdown",
        "`#` and underlined",
        Pages.NONE,
        Tables.AS_WRITTEN,
        "The source as it is.",
    ),
    FormatFacts(
        "odt",
        "by outline level",
        Pages.NONE,
        Tables.CELLS,
        "Footnotes come at the end. Left out: headers, footers, comments, deleted words, tables of"
        " contents.",
    ),
    FormatFacts(
        "pdf",
        "by size of type",
        Pages.PAGE,
        Tables.NONE,
        "Needs a text layer: there is no text recognition. A table is read as the lines that it is"
        " printed in.",
    ),
    FormatFacts(
        "pptx",
        "titles of slides",
        Pages.SLIDE,
        Tables.CELLS,
        "With the speaker's notes and SmartArt. Left out: hidden slides, charts, comments, what"
        " repeats on every slide.",
    ),
    FormatFacts(
        "rst",
        "underlined",
        Pages.NONE,
        Tables.AS_WRITTEN,
        "The source as it is.",
    ),
    FormatFacts(
        "text",
        "",
        Pages.NONE,
        Tables.AS_WRITTEN,
        "The text as it is.",
    ),
    FormatFacts(
        "xlsx",
        "names of sheets",
        Pages.NONE,
        Tables.NAMED,
        "Stored results of formulas, dates as dates, percentages; other number formats are not"
        " applied. Left out: hidden sheets, charts, comments. Names of columns as for `csv`.",
    ),
)
"""In the order of the names of the plug-ins."""
