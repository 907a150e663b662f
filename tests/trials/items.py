"""What a trial brings in: documents of many sizes, some of them replaced, some deleted."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

_WORDS = ("anchor", "ballast", "cable", "derrick", "engine", "fender", "gauge", "hatch", "jetty")
_SIZES = (2, 2, 4, 4, 8, 30, 120)
"""Paragraphs of a document; the large ones are worked on for long enough to be hit."""
_REPLACED, _DELETED = 0.1, 0.08


@dataclass(frozen=True)
class Item:
    """A document with everything that happens to it."""

    name: str
    contents: tuple[bytes, ...]
    """What is uploaded under the name, one after another; the last stays."""
    is_deleted: bool
    has_key: bool
    """Whether its uploads carry an `Idempotency-Key`."""


def draw_items(dice: random.Random, count: int) -> Sequence[Item]:
    """Draw documents; the same dice draw the same."""
    return [_draw_item(dice, number) for number in range(count)]


def _draw_item(dice: random.Random, number: int) -> Item:
    name = f"{number:03}.{dice.choice(('md', 'txt', 'html'))}"
    versions = 2 if dice.random() < _REPLACED else 1
    contents = tuple(_draw_content(dice, f"{name} {version}") for version in range(versions))
    return Item(name, contents, dice.random() < _DELETED, has_key=dice.random() < 0.5)


def _draw_content(dice: random.Random, title: str) -> bytes:
    paragraphs = [
        " ".join(dice.choices(_WORDS, k=60)).capitalize() + "." for _ in range(dice.choice(_SIZES))
    ]
    if ".html " in title:
        body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        return f"<html><body><h1>{title}</h1>{body}</body></html>".encode()
    return "\n\n".join((f"# {title}", *paragraphs)).encode()
