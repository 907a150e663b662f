"""Draws what each operating point is worth, from `muniment eval FOLDER --abstention --json`.

`python -m bench.silence measured.json docs/images/abstention.svg`. No library: a picture of four
lines is a page of text, and this one is readable on light and dark ground.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

_WIDTH, _HEIGHT = 640, 400
_LEFT, _TOP, _RIGHT, _BOTTOM = 56, 24, 190, 48
_LINES = {
    "precision": "answers: precision",
    "recall": "answers: recall",
    "silence_precision": "silence: precision",
    "silence_recall": "silence: recall",
}
_OPENING = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    ' aria-label="Precision and recall of answers and of silence by threshold">'
)
_STYLE = """\
text { font: 12px sans-serif; fill: #24292f }
.grid { stroke: #d0d7de; stroke-width: 1 }
.chosen { stroke: #57606a; stroke-dasharray: 4 3 }
polyline { fill: none; stroke-width: 2 }
.precision { stroke: #0969da } .recall { stroke: #0969da; stroke-dasharray: 6 4 }
.silence_precision { stroke: #bc4c00 } .silence_recall { stroke: #bc4c00; stroke-dasharray: 6 4 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .grid { stroke: #30363d } .chosen { stroke: #9198a1 }
.precision, .recall { stroke: #58a6ff } .silence_precision, .silence_recall { stroke: #f0883e }
}"""


class Point(TypedDict):
    """What one threshold is worth."""

    abstain_below: float
    precision: float
    recall: float
    silence_precision: float
    silence_recall: float


def draw(curve: Sequence[Point], chosen: float) -> str:
    """Give the picture. A threshold of nought keeps no silence: its precision is no figure."""
    parts = [
        _OPENING,
        f"<style>{_STYLE}</style>",
    ]
    for step in range(6):
        share = step / 5
        parts.append(_line("grid", 0.0, share, 1.0, share))
        parts.append(_text(_x(0.0) - 8, _y(share) + 4, f"{share:.1f}", "end"))
        parts.append(_text(_x(share), _y(0.0) + 18, f"{share:.1f}", "middle"))
    parts.append(_text((_x(0.0) + _x(1.0)) / 2, _HEIGHT - 8, "answers.abstain_below", "middle"))
    parts.append(_line("chosen", chosen, 0.0, chosen, 1.0))
    parts.append(_text(_x(chosen), _TOP - 8, f"default {chosen:g}", "middle"))
    shown = [point for point in curve if point["abstain_below"] > 0.0]
    lines = [
        ("precision", [point["precision"] for point in shown]),
        ("recall", [point["recall"] for point in shown]),
        ("silence_precision", [point["silence_precision"] for point in shown]),
        ("silence_recall", [point["silence_recall"] for point in shown]),
    ]
    for place, (name, values) in enumerate(lines):
        pairs = zip(shown, values, strict=True)
        dots = " ".join(f"{_x(p['abstain_below']):.1f},{_y(value):.1f}" for p, value in pairs)
        parts.append(f'<polyline class="{name}" points="{dots}"/>')
        x, y = _WIDTH - _RIGHT + 20, _TOP + 24 * (place + 1)
        parts.append(f'<polyline class="{name}" points="{x},{y} {x + 30},{y}"/>')
        parts.append(_text(x + 38, y + 4, _LINES[name], "start"))
    return "\n".join([*parts, "</svg>", ""])


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{_x(x1):.1f}" y1="{_y(y1):.1f}" x2="{_x(x2):.1f}" y2="{_y(y2):.1f}"'
    return f'<line class="{kind}" {ends}/>'


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{words}</text>'


def main() -> None:
    """Read what was measured and write the picture."""
    measured, picture = map(Path, sys.argv[1:])
    told = json.loads(measured.read_text("utf-8"))
    picture.write_text(draw(told["curve"], told["operating_point"]["abstain_below"]), "utf-8")


if __name__ == "__main__":
    main()
