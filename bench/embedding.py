"""The embedder's throughput as a share of what the bare model gives."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import median

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from bench.figures import Budget, Figure
from bench.texts import Writer
from muniment.adapters.embedders.minilm import MiniLmEmbedder, MiniLmSettings
from muniment_minilm import ModelFiles, model_files

_ROUNDS = 3
_SIZE = 900
_MAX_TOKENS = 256


async def measure_embedding(*, quick: bool) -> Sequence[Figure]:
    """Embed the same texts with as many threads both ways, in turn; give the medians."""
    writer = Writer(7)
    texts = [writer.document(_SIZE) for _ in range(32 if quick else 96)]
    settings = MiniLmSettings()
    embedder = MiniLmEmbedder(settings, model_files())
    raw = _RawModel(model_files())
    ours, bare = [], []
    await embedder.embed(texts[:4])
    with ThreadPoolExecutor(settings.threads) as pool:
        list(pool.map(raw.embed, texts[:4]))
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            list(pool.map(raw.embed, texts))
            bare.append(len(texts) / (time.perf_counter() - began))
            began = time.perf_counter()
            await embedder.embed(texts)
            ours.append(len(texts) / (time.perf_counter() - began))
    await embedder.close()
    budget = Budget(0.9, at_least=True)
    return [Figure("embedding", "texts of 900 bytes", median(ours), "/s", median(bare), budget)]


class _RawModel:
    """Nothing but tokenizer, model and mean."""

    def __init__(self, files: ModelFiles) -> None:
        self._tokenizer = Tokenizer.from_file(str(files.tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MAX_TOKENS)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(files.model), options)

    def embed(self, text: str) -> float:
        """Run the model on one text."""
        ids = np.array([self._tokenizer.encode(text).ids], dtype=np.int64)
        inputs = {
            "input_ids": ids,
            "attention_mask": np.ones_like(ids),
            "token_type_ids": np.zeros_like(ids),
        }
        (states,) = self._session.run(None, inputs)
        return float(np.linalg.norm(states[0].mean(axis=0)))
