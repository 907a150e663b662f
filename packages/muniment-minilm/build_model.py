"""Make `model.onnx` again from the original weights.

Needs torch, transformers and onnxruntime, none of which this distribution depends on:

    pip install torch==2.13.0 transformers==5.3.0 onnx==1.23.2 onnxruntime==1.32.0
    python build_model.py SOURCE TARGET

SOURCE is a folder with `config.json`, `model.safetensors` and `tokenizer.json` of
sentence-transformers/all-MiniLM-L6-v2. TARGET receives `model.onnx` and `tokenizer.json`.
"""

import argparse
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel

SOURCE_SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
OPSET = 17
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class HiddenStates(torch.nn.Module):
    """The encoder alone: its last hidden states, without the pooler that this model never uses."""

    def __init__(self, encoder: torch.nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor,
    ) -> torch.Tensor:
        """Run the encoder."""
        return self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state


def sha256_of(path: Path) -> str:
    """Hash a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_source(source: Path) -> None:
    """Refuse weights that are not, byte for byte, the published ones."""
    for name, expected in SOURCE_SHA256.items():
        found = sha256_of(source / name)
        if found != expected:
            sys.exit(f"{source / name} has sha256 {found}, but the published file has {expected}.")


def export(source: Path, target: Path) -> None:
    """Write the 32-bit model as ONNX with free batch and length."""
    encoder = AutoModel.from_pretrained(source, local_files_only=True, use_safetensors=True)
    example = torch.ones((2, 8), dtype=torch.int64)
    free = {0: "batch", 1: "seq"}
    torch.onnx.export(
        HiddenStates(encoder.eval()),
        (example, example, torch.zeros_like(example)),
        str(target),
        input_names=list(INPUTS),
        output_names=["last_hidden_state"],
        dynamic_axes={**dict.fromkeys(INPUTS, free), "last_hidden_state": free},
        opset_version=OPSET,
        dynamo=False,
    )


def build(source: Path, target: Path) -> None:
    """Check, export, quantise, and print what the new file hashes to."""
    check_source(source)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        exported = Path(scratch) / "fp32.onnx"
        export(source, exported)
        quantize_dynamic(
            exported, target / "model.onnx", weight_type=QuantType.QInt8, per_channel=True
        )
    shutil.copyfile(source / "tokenizer.json", target / "tokenizer.json")
    for name in ("model.onnx", "tokenizer.json"):
        print(f"{sha256_of(target / name)}  {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    build(arguments.source, arguments.target)
