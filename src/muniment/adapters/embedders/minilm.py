"""The default embedder: all-MiniLM-L6-v2 as ONNX int8, on onnxruntime and tokenizers alone.

Every text is a run of its own. The model quantises activations by the range of the whole batch,
so in a batch the vector of a text would depend on its neighbours (cosine down to .988); alone it
does not, and on a CPU alone is also the fastest.
"""

import asyncio
import hashlib
import os
from collections import deque
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from threading import Lock

import numpy as np
import onnxruntime
import structlog
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from tokenizers import Encoding, Tokenizer
from typing_extensions import override

from muniment.adapters.embedders.lanes import Lanes
from muniment.kit.errors import ConfigurationError
from muniment.kit.plugins import PluginFactory
from muniment.ports.embedding import (
    Embedder,
    EmbedderIdentity,
    Purpose,
    TokenEmbedder,
    TokenEmbedding,
    Vector,
)
from muniment_minilm import ModelFiles, model_files

_DIMENSION = 384
_MAX_TOKENS = 256
_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids"})
_REINSTALL = "Install it again: pip install --force-reinstall muniment-minilm."

_log = structlog.get_logger(__name__)


class MiniLmSettings(BaseModel):
    """Settings of the MiniLM embedder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int = Field(
        default_factory=lambda: min(2, os.cpu_count() or 1),
        ge=1,
        le=64,
        description="How many texts are embedded at the same time, each on one core.",
    )


class MiniLmEmbedder(TokenEmbedder):
    """Embeds English text with MiniLM in threads of its own.

    The files are read, checked and loaded once, by the first call that needs them or by `prepare`.
    """

    def __init__(self, settings: MiniLmSettings, files: ModelFiles) -> None:
        self._threads = settings.threads
        self._files = files
        self._lanes: Lanes[TokenEmbedding] = Lanes(settings.threads, "minilm")
        self._lock = Lock()
        self._loaded_tokenizer: Tokenizer | None = None
        self._loaded_session: onnxruntime.InferenceSession | None = None

    @property
    @override
    def identity(self) -> EmbedderIdentity:
        """Name the space of the vectors; other weights are another space."""
        return EmbedderIdentity("minilm", _DIMENSION, self._files.model_sha256[:12])

    @property
    @override
    def languages(self) -> frozenset[str]:
        """Give English alone: on German it ranks far behind plain words."""
        return frozenset({"en"})

    @property
    @override
    def max_tokens(self) -> int:
        """How many tokens of a text are read, the two special ones included."""
        return _MAX_TOKENS

    @override
    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, special tokens included."""
        return len(self._tokenizer().encode(text).ids)

    @override
    def token_ends(self, text: str) -> Sequence[int]:
        """Give the end offset of every token, special tokens left out."""
        encoding = self._tokenizer().encode(text, add_special_tokens=False)
        return [end for _, end in encoding.offsets]

    @override
    async def prepare(self) -> None:
        """Load and check the files. Raises ConfigurationError."""
        await asyncio.to_thread(self._session)
        await asyncio.to_thread(self._tokenizer)

    @override
    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "passage") -> list[Vector]:
        """Embed each text in a run of its own."""
        embedded = self._embed(texts, purpose, with_tokens=False)
        return [one.vector async for one in embedded]

    @override
    def embed_tokens(
        self, texts: Sequence[str], *, purpose: Purpose = "passage"
    ) -> AsyncIterator[TokenEmbedding]:
        """Embed each text in a run of its own, and give its tokens too."""
        return self._embed(texts, purpose, with_tokens=True)

    async def _embed(
        self, texts: Sequence[str], purpose: Purpose, *, with_tokens: bool
    ) -> AsyncIterator[TokenEmbedding]:
        """Embed texts in order.

        Only a few texts of one call are queued at a time, so that calls side by side share the
        threads; a query, or a text alone, overtakes them all.
        """
        urgent = purpose == "query" or len(texts) == 1
        window = 2 * self._threads
        queued: deque[asyncio.Future[TokenEmbedding]] = deque()
        try:
            for text in texts:
                if len(queued) == window:
                    yield await queued.popleft()
                work = partial(self._embed_one, text, with_tokens=with_tokens)
                queued.append(asyncio.wrap_future(self._lanes.submit(work, urgent=urgent)))
            while queued:
                yield await queued.popleft()
        finally:
            for unneeded in queued:
                unneeded.cancel()

    @override
    async def close(self) -> None:
        """Let the running texts end and release the threads and the model."""
        await asyncio.to_thread(self._lanes.close)
        self._loaded_session = None
        self._loaded_tokenizer = None

    def _embed_one(self, text: str, *, with_tokens: bool) -> TokenEmbedding:
        encoded = self._tokenizer().encode(text)
        kept = encoded.ids
        if len(kept) > _MAX_TOKENS:
            kept = [*kept[: _MAX_TOKENS - 1], kept[-1]]
        ids = np.array([kept], dtype=np.int64)
        (states,) = self._session().run(
            None,
            {
                "input_ids": ids,
                "attention_mask": np.ones_like(ids),
                "token_type_ids": np.zeros_like(ids),
            },
        )
        # A text alone has no padding: the mean over its mask is the mean over all its tokens.
        mean: Vector = states[0].mean(axis=0, dtype=np.float32)
        vector = mean / np.linalg.norm(mean)
        if not with_tokens:
            return TokenEmbedding(vector, states[0, :0], ())
        # The first and the last token stand for the text, not for a word.
        own: NDArray[np.float32] = states[0, 1:-1]
        lengths = np.linalg.norm(own, axis=1, keepdims=True)
        return TokenEmbedding(vector, own / lengths, _word_spans(encoded)[1 : len(own) + 1])

    def _tokenizer(self) -> Tokenizer:
        with self._lock:
            if self._loaded_tokenizer is None:
                self._loaded_tokenizer = _load_tokenizer(self._files)
            return self._loaded_tokenizer

    def _session(self) -> onnxruntime.InferenceSession:
        with self._lock:
            if self._loaded_session is None:
                self._loaded_session = _load_session(self._files)
            return self._loaded_session


def _word_spans(encoded: Encoding) -> list[tuple[int, int]]:
    """Give, for each token, the slice of the text with the word that it is a piece of."""
    words: dict[int | None, tuple[int, int]] = {}
    for word, (start, end) in zip(encoded.word_ids, encoded.offsets, strict=True):
        first, _ = words.get(word, (start, end))
        words[word] = (first, end)
    return [words[word] for word in encoded.word_ids]


def _load_tokenizer(files: ModelFiles) -> Tokenizer:
    tokenizer = Tokenizer.from_buffer(_read_checked(files.tokenizer, files.tokenizer_sha256))
    # The file pads and cuts at 128 tokens; the model's own length is 256 and nothing is padded.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _load_session(files: ModelFiles) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    # The arena keeps its peak for ever and brought no speed for single texts.
    options.enable_cpu_mem_arena = False
    session = onnxruntime.InferenceSession(
        _read_checked(files.model, files.model_sha256),
        options,
        providers=["CPUExecutionProvider"],
    )
    inputs = {given.name for given in session.get_inputs()}
    if inputs != _INPUTS:
        raise ConfigurationError(
            f"The embedding model {files.model} takes {sorted(inputs)}, not {sorted(_INPUTS)}."
        )
    _log.info("embedding_model_loaded", model=str(files.model), sha256=files.model_sha256[:12])
    return session


def _read_checked(path: Path, sha256: str) -> bytes:
    """Read a file and make sure of the very bytes that are used: its digest is the pinned one."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"The embedding model file {path} cannot be read: {error.strerror}.", hint=_REINSTALL
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ConfigurationError(
            f"The embedding model file {path} is damaged: its sha256 is {found[:12]}…, "
            f"expected {sha256[:12]}….",
            hint=_REINSTALL,
        )
    return content


def create(settings: MiniLmSettings) -> Embedder:
    """Make the MiniLM embedder over the files of the installed `muniment-minilm`."""
    return MiniLmEmbedder(settings, model_files())


PLUGIN = PluginFactory(settings_model=MiniLmSettings, create=create)
