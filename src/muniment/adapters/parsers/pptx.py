"""Presentations (Office Open XML, ECMA-376): slide by slide, titles as headings, notes after each.

The number of a slide is its page. Hidden slides count but are not read, like everything else that
an audience does not get to see, save the notes of the speaker, which often hold what matters.
Words in SmartArt are read from its data; charts, comments and pictures are left out. Our own
reader, because kreuzberg 4.10 reads hidden slides and puts notes before the slide they belong to.
"""

from collections.abc import Sequence

from typing_extensions import override

from muniment.adapters.parsers.canonical import require_text
from muniment.adapters.parsers.container import (
    Container,
    ContainerKind,
    ContainerParser,
    ContainerSettings,
)
from muniment.adapters.parsers.flow import Break, TextFlow
from muniment.adapters.parsers.opc import (
    Relationship,
    main_part,
    relationships_of,
    title_of,
)
from muniment.adapters.parsers.slideml import PresentationReader, SlideReader
from muniment.kit.plugins import PluginFactory
from muniment.ports.parsing import ParsedDocument

_KIND = ContainerKind("a presentation", ".pptx", old_ending=".ppt")
_NO_TITLE = frozenset({"powerpoint presentation", "powerpoint-präsentation", "presentation"})


class PptxParser(ContainerParser):
    """Reads presentations (.pptx)."""

    media_types = frozenset(
        {"application/vnd.openxmlformats-officedocument.presentationml.presentation"}
    )
    revision = "pptx-1"
    kind = _KIND

    @override
    def read(self, container: Container) -> ParsedDocument:
        """Read a presentation. Raises ParseError."""
        return _read(container)


def _read(container: Container) -> ParsedDocument:
    main = main_part(container, "ppt/presentation.xml")
    presentation = PresentationReader()
    if not container.feed(main, presentation) or not presentation.is_presentation:
        raise _KIND.lacks_parts()
    parts = {r.id: r.target for r in relationships_of(container, main)}
    flow = TextFlow()
    for relationship in presentation.slides:
        flow.open_page()
        _write_slide(container, parts.get(relationship, ""), flow)
    text, headings = flow.finish()
    require_text(text)
    title = title_of(container)
    if title is None or title.casefold() in _NO_TITLE:
        title = next((text[h.start : h.end] for h in headings if h.level == 1), None)
    return ParsedDocument(text, title, flow.page_starts(), headings)


def _write_slide(container: Container, part: str, flow: TextFlow) -> None:
    slide = SlideReader(flow)
    if not container.feed(part, slide) or slide.is_hidden:
        return
    related = relationships_of(container, part)
    for diagram in _of_kind(related, "/diagramData"):
        container.feed(diagram, SlideReader(flow))
    for notes in _of_kind(related, "/notesSlide"):
        _write_notes(container, notes, flow)


def _write_notes(container: Container, part: str, flow: TextFlow) -> None:
    notes = TextFlow()
    container.feed(part, SlideReader(notes, only="body"))
    words, _ = notes.finish()
    if words:
        flow.break_at(Break.PARAGRAPH)
        flow.open_heading(2)
        flow.add_literal("Notes")
        flow.close_heading()
        flow.break_at(Break.PARAGRAPH)
        flow.add_literal(words)
        flow.break_at(Break.PARAGRAPH)


def _of_kind(related: Sequence[Relationship], ending: str) -> list[str]:
    return [relationship.target for relationship in related if relationship.kind.endswith(ending)]


PLUGIN = PluginFactory(ContainerSettings, PptxParser)
