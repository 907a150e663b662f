"""From canonical text to indexed chunks: pure steps, run outside of any transaction."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from muniment.index.chunking import ChunkingSettings, ChunkSpan, chunk_text
from muniment.index.language import LanguageDetector
from muniment.index.lexical import LexicalModel
from muniment.index.repository import IndexedChunk
from muniment.index.sections import prefix_for
from muniment.index.terms import tenant_salt
from muniment.index.token_states import packed_states
from muniment.ports.embedding import Embedder, TokenEmbedder, Vector
from muniment.ports.parsing import ParsedDocument

CHUNKER_REVISION = "1"
"""Changes whenever the same text may be cut in another way."""

DEFAULT_LANGUAGE = "en"

LONGEST_TITLE = 300
"""What is kept of a title. Every chunk is weighed and embedded under it, and the subject of a mail
may have a megabyte."""

_ENDING = re.compile(r"(?<=.)\.[A-Za-z][A-Za-z0-9]{0,9}$")
"""The ending of a file name, which is no part of `Rules v2.0` or `Notes for Dr. Smith`."""


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document with its language and chunks, before anything is embedded."""

    parsed: ParsedDocument
    title: str
    language: str
    spans: Sequence[ChunkSpan]


@dataclass(frozen=True, slots=True)
class _EmbeddedChunk:
    vector: Vector
    states: bytes | None = None


class Pipeline:
    """Cuts, weighs and embeds documents."""

    def __init__(
        self,
        embedder: Embedder,
        detector: LanguageDetector,
        lexical: LexicalModel,
        settings: ChunkingSettings,
        *,
        keeps_states: bool = True,
    ) -> None:
        self._embedder = embedder
        self._token_embedder = _token_embedder(embedder) if keeps_states else None
        self._detector = detector
        self._lexical = lexical
        self._settings = settings

    @property
    def revision(self) -> str:
        """Name what makes chunks and vectors out of a text."""
        identity = self._embedder.identity
        states = "" if self._token_embedder is None else ", states of words"
        return f"chunker {CHUNKER_REVISION}, {identity.name} {identity.revision}{states}"

    async def cut(self, parsed: ParsedDocument, name: str, language: str | None) -> CutDocument:
        """Find the language of a document and cut it into chunks."""
        return await asyncio.to_thread(self._cut, parsed, name, language)

    async def index(
        self, document: CutDocument, tenant_id: int, batch: int
    ) -> AsyncIterator[list[IndexedChunk]]:
        """Weigh and embed the chunks of a document, a batch at a time."""
        for first in range(0, len(document.spans), batch):
            spans = document.spans[first : first + batch]
            texts = [self._embedded_text(document, span) for span in spans]
            embedded = await self._embed(texts, document.language)
            yield await asyncio.to_thread(
                self._indexed, document, tenant_id, first, spans, embedded
            )

    async def _embed(self, texts: Sequence[str], language: str) -> list[_EmbeddedChunk]:
        if self._token_embedder is None:
            return [_EmbeddedChunk(vector) for vector in await self._embedder.embed(texts)]
        chunks: list[_EmbeddedChunk] = []
        # Packed one after the other: the states of a whole document would fill the memory.
        async for embedded in self._token_embedder.embed_tokens(texts):
            states = packed_states(texts[len(chunks)], embedded, language)
            chunks.append(_EmbeddedChunk(embedded.vector, states))
        return chunks

    def _cut(self, parsed: ParsedDocument, name: str, language: str | None) -> CutDocument:
        if parsed.title is not None:
            parsed = replace(parsed, title=parsed.title[:LONGEST_TITLE].rstrip())
        title = parsed.title or title_from_name(name)
        spans = chunk_text(
            parsed.text, parsed.headings, parsed.page_starts, title, self._embedder, self._settings
        )
        found = language or self._detector.of_document(parsed.text, DEFAULT_LANGUAGE)
        return CutDocument(parsed, title, found, spans)

    def _embedded_text(self, document: CutDocument, span: ChunkSpan) -> str:
        prefix = prefix_for(document.title, span.headings, self._embedder)
        return prefix + document.parsed.text[span.start : span.end]

    def _indexed(
        self,
        document: CutDocument,
        tenant_id: int,
        first: int,
        spans: Sequence[ChunkSpan],
        embedded: Sequence[_EmbeddedChunk],
    ) -> list[IndexedChunk]:
        salt = tenant_salt(tenant_id)
        chunks = []
        for ordinal, (span, made) in enumerate(zip(spans, embedded, strict=True), first):
            text = document.parsed.text[span.start : span.end]
            heading = " ".join((document.title, *span.headings))
            terms = self._lexical.document_weights(heading, text, document.language, salt)
            chunks.append(IndexedChunk(ordinal, span, text, made.vector, terms, made.states))
        return chunks


def _token_embedder(embedder: Embedder) -> TokenEmbedder | None:
    return embedder if isinstance(embedder, TokenEmbedder) else None


def title_from_name(name: str) -> str:
    """Make a title out of a file name: `Leave_policy-2026.pdf` is about a leave policy in 2026."""
    file = PurePosixPath(name).name
    stem = _ENDING.sub("", file) or file
    return " ".join(stem.replace("_", " ").replace("-", " ").split()) or name
