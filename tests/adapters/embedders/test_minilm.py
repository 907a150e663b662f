import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from muniment.adapters.embedders.minilm import MiniLmEmbedder, MiniLmSettings
from muniment.kit.errors import ConfigurationError
from muniment.ports.embedding import Vector
from muniment_minilm import model_files
from tests.adapters.embedders.golden import GOLDEN, LONG, TEXTS, processor_kind

SAME_KIND_TOLERANCE = 1e-3
OTHER_KIND_COSINE = 0.95
"""Without VNNI pairs of products are added in 16 bits, and what is too large for them is cut off.
For short texts of unusual words .963 was seen between AVX2 and VNNI."""


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[MiniLmEmbedder]:
    made = MiniLmEmbedder(MiniLmSettings(threads=2), model_files())
    yield made
    await made.close()


async def embed_one(embedder: MiniLmEmbedder, text: str) -> Vector:
    (vector,) = await embedder.embed([text])
    return vector


class TestVectors:
    async def test_equal_the_golden_ones_or_are_parallel_on_another_processor(
        self, embedder: MiniLmEmbedder
    ) -> None:
        golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
        expected = np.array(golden["vectors"], dtype=np.float32)
        found = np.stack(await embedder.embed(TEXTS))
        assert golden["revision"] == embedder.identity.revision
        if golden["processor"] == processor_kind():
            assert float(np.abs(found - expected).max()) <= SAME_KIND_TOLERANCE
        assert float((found * expected).sum(axis=1).min()) >= OTHER_KIND_COSINE

    async def test_are_unit_vectors_of_the_stated_kind(self, embedder: MiniLmEmbedder) -> None:
        for vector in await embedder.embed(TEXTS):
            assert vector.dtype == np.float32
            assert vector.shape == (embedder.identity.dimension,)
            assert float(np.linalg.norm(vector)) == pytest.approx(1.0, abs=1e-5)

    async def test_do_not_depend_on_the_company_of_a_text(self, embedder: MiniLmEmbedder) -> None:
        together = await embedder.embed(TEXTS)
        for text, among_others in zip(TEXTS, together, strict=True):
            assert np.array_equal(await embed_one(embedder, text), among_others)

    async def test_read_256_tokens_and_no_more(self, embedder: MiniLmEmbedder) -> None:
        words = ["deed"] * (embedder.max_tokens - 2)
        full = await embed_one(embedder, " ".join(words))
        assert np.array_equal(await embed_one(embedder, " ".join([*words, "goat"])), full)
        assert not np.array_equal(await embed_one(embedder, " ".join([*words[1:], "goat"])), full)

    async def test_put_related_texts_closer_than_others(self, embedder: MiniLmEmbedder) -> None:
        question, answer, other = await embedder.embed(
            ["When must I pay?", "Invoices are due within 30 days.", "The owl sleeps by day."]
        )
        assert float(question @ answer) > float(question @ other) + 0.1


class TestTokens:
    def test_count_includes_the_special_ones_and_has_no_limit(
        self, embedder: MiniLmEmbedder
    ) -> None:
        assert embedder.count_tokens("") == 2
        assert embedder.count_tokens("deed") == 3
        assert embedder.count_tokens("deed " * 1000) == 1002

    def test_ends_are_offsets_in_code_points(self, embedder: MiniLmEmbedder) -> None:
        text = "Mühle 👩 deeds"
        parts = [text[:end] for end in embedder.token_ends(text)]
        assert parts == ["Mü", "Mühl", "Mühle", "Mühle 👩", text]
        assert list(embedder.token_ends("a bc")) == [1, 4]


class TestUrgency:
    async def test_a_query_overtakes_the_rest_of_a_batch(self) -> None:
        embedder = MiniLmEmbedder(MiniLmSettings(threads=1), model_files())
        await embedder.prepare()
        finished: list[str] = []

        async def embed(name: str, texts: list[str]) -> None:
            await embedder.embed(texts, purpose="query" if name == "query" else "passage")
            finished.append(name)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(embed("batch", [LONG * 20] * 12))
            await asyncio.sleep(0)
            tasks.create_task(embed("query", ["Where are the deeds?"]))
        assert finished == ["query", "batch"]
        await embedder.close()

    async def test_the_event_loop_goes_on_during_a_batch(self, embedder: MiniLmEmbedder) -> None:
        turns = 0

        async def count_turns() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0.002)
                turns += 1

        counting = asyncio.ensure_future(count_turns())
        await embedder.embed([LONG * 20] * 6)
        counting.cancel()
        assert turns >= 5

    async def test_a_cancelled_batch_leaves_the_threads_free(
        self, embedder: MiniLmEmbedder
    ) -> None:
        batch = asyncio.ensure_future(embedder.embed([LONG * 20] * 200))
        await asyncio.sleep(0.01)
        batch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await batch
        async with asyncio.timeout(5):
            await embedder.embed(["Still here?", "Yes."])


class TestLoading:
    async def test_a_damaged_model_is_refused_by_name(self, tmp_path: Path) -> None:
        damaged = tmp_path / "model.onnx"
        damaged.write_bytes(model_files().model.read_bytes()[:-1] + b"?")
        embedder = MiniLmEmbedder(MiniLmSettings(), replace(model_files(), model=damaged))
        with pytest.raises(ConfigurationError, match=r"model\.onnx is damaged") as refusal:
            await embedder.prepare()
        assert refusal.value.hint is not None
        assert "muniment-minilm" in refusal.value.hint
        await embedder.close()

    async def test_a_missing_tokenizer_is_refused_by_name(self, tmp_path: Path) -> None:
        files = replace(model_files(), tokenizer=tmp_path / "tokenizer.json")
        embedder = MiniLmEmbedder(MiniLmSettings(), files)
        with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
            await embedder.embed(["text"])
        await embedder.close()

    def test_the_revision_names_the_weights(self, embedder: MiniLmEmbedder) -> None:
        other = MiniLmEmbedder(MiniLmSettings(), replace(model_files(), model_sha256="0" * 64))
        assert other.identity != embedder.identity
        assert embedder.identity.name == "minilm"
        assert embedder.languages == {"en"}
