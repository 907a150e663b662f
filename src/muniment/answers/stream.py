"""An answer as server-sent events (WHATWG HTML, 9.2), with the same names as those of a run."""

import re
from collections.abc import Iterator

import orjson

from muniment.answers.schemas import AnswerRead

EVENT_STREAM = "text/event-stream"

_PIECE = re.compile(r".*?\[\d+\]\s*|.+", re.DOTALL)


def wants_events(accept: str | None) -> bool:
    """Tell whether a caller asks for events by name; `*/*` means JSON."""
    kinds = (part.partition(";")[0].strip().lower() for part in (accept or "").split(","))
    return EVENT_STREAM in kinds


def answer_events(answer: AnswerRead) -> Iterator[bytes]:
    """Write the answer as deltas, its citations, and the whole of it as the last event."""
    for piece in _PIECE.findall(answer.answer):
        yield _event("delta", {"text": piece})
    for citation in answer.citations:
        yield _event("citation", citation.model_dump(mode="json"))
    yield _event("finished", answer.model_dump(mode="json"))


def _event(name: str, payload: dict[str, object]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(payload))
