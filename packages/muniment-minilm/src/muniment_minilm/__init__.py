"""The files of all-MiniLM-L6-v2 (ONNX, int8) and the digests that they must have."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """Where the model lies and what its bytes must hash to; whoever loads a file checks it."""

    model: Path
    tokenizer: Path
    model_sha256: str
    tokenizer_sha256: str


def model_files() -> ModelFiles:
    """Name the installed files without reading them."""
    folder = Path(__file__).parent / "model"
    return ModelFiles(
        model=folder / "model.onnx",
        tokenizer=folder / "tokenizer.json",
        model_sha256="90cda8c11126c64520b734223df85c8574495f6b3d6f3d0dc397222b809543ee",
        tokenizer_sha256="be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    )
