"""Draws docs/images/demo.svg: what `make demo` prints, as a terminal shows it.

Run it after the examples or the answers have changed: `.venv/bin/python examples/picture.py`.
"""

import os
import subprocess
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "demo.svg"
WIDTH = 92
SHOWN = ("eye after an accident", "notice period", "Kernzeit", "football club")
"""Parts of the questions that fit into one picture."""

# The template of rich without its fonts, which would be loaded from elsewhere.
TEMPLATE = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; white-space: pre; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs><clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>{lines}</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">{matrix}</g>
</g>
</svg>
"""


def main() -> None:
    """Run the demonstration in a folder of its own, pick a few questions, draw."""
    with TemporaryDirectory(prefix="muniment-picture-") as folder:
        environment = os.environ | {
            "FORCE_COLOR": "1",
            "COLUMNS": str(WIDTH),
            "MUNIMENT_DATA_DIR": folder,
        }
        command = ["make", "--no-print-directory", "demo"]
        ran = subprocess.run(
            command, cwd=ROOT, env=environment, check=True, text=True, stdout=subprocess.PIPE
        )
    console = Console(record=True, width=WIDTH, file=StringIO())
    console.print(Text.from_ansi("\x1b[2m$\x1b[0m make demo"))
    console.print(Text.from_ansi(shown(ran.stdout)))
    PICTURE.parent.mkdir(exist_ok=True)
    console.save_svg(
        str(PICTURE), title="make demo", theme=MONOKAI, code_format=TEMPLATE, unique_id="demo"
    )
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")


def shown(output: str) -> str:
    """Keep the head, the questions of the picture, and the verdict."""
    head, *blocks = output.split("\n\x1b[1;36m? ")
    kept = [block for block in blocks if any(part in block for part in SHOWN)]
    told = ["\x1b[1;36m? " + block.partition("  \x1b[2mQuoted from")[0].rstrip() for block in kept]
    told[-1] = told[-1].partition("\n\n")[0].rstrip()
    verdict = [line for line in output.splitlines() if "answered as expected" in line]
    return "\n\n".join([head.strip().splitlines()[-1], *told, *verdict])


if __name__ == "__main__":
    main()
