"""The process that reads documents: `python -m muniment.ingestion.parsing.child PARENT_PID`.

Requests come on standard input, replies leave on what was standard output. Libraries that print
reach standard error, so they cannot garble a reply. The process dies with its parent twice over:
by the kernel's signal, and because the end of standard input ends it even in mid-document.
"""

import os
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO

from muniment.ingestion.parsing.confinement import (
    allow_cpu_time,
    confine,
    die_with_parent,
    resident_bytes,
)
from muniment.ingestion.parsing.failures import broken_off, out_of_memory
from muniment.ingestion.parsing.shelf import ParserShelf, require_canonical, stock
from muniment.ingestion.parsing.wire import (
    HEADER,
    Failed,
    Parsed,
    ParseRequest,
    ParserOffer,
    Unready,
    pack,
    read_request,
    read_start,
)
from muniment.kit.errors import ConfigurationError
from muniment.ports.parsing import ParseError

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def main() -> None:
    """Read documents until standard input ends."""
    replies = _claim_stdout()
    die_with_parent(int(sys.argv[1]))
    messages = _messages()
    start = read_start(next(messages))
    confine(start.memory_limit)
    sys.path.extend(start.parsers.import_path)
    try:
        shelf = stock(start.parsers)
    except ConfigurationError as error:
        _send(replies, pack(Unready(error.detail, error.hint)))
        next(messages)  # never comes: the parent ends standard input
        return
    _send(replies, pack(ParserOffer(shelf.media_types, shelf.revision)))
    for message in messages:
        _send(replies, _answer(shelf, read_request(message)))


def _claim_stdout() -> BinaryIO:
    """Keep standard output for replies and send whatever is printed to standard error."""
    replies = os.fdopen(os.dup(_STDOUT), "wb")
    os.dup2(_STDERR, _STDOUT)
    return replies


def _send(replies: BinaryIO, message: bytes) -> None:
    replies.write(message)
    replies.flush()


def _messages() -> Iterator[bytes]:
    """Give the messages of the parent; a thread waits for them, and for their end."""
    inbox: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(inbox,), daemon=True).start()
    while True:
        yield inbox.get()


def _receive(inbox: SimpleQueue[bytes]) -> None:
    with os.fdopen(_STDIN, "rb") as source:
        while header := source.read(HEADER.size):
            inbox.put(source.read(HEADER.unpack(header)[0]))
    os._exit(0)


def _answer(shelf: ParserShelf, request: ParseRequest) -> bytes:
    allow_cpu_time(request.cpu_seconds)
    try:
        parser = shelf.parser_for(request.media_type)
        document = parser.parse(Path(request.path), request.media_type)
        require_canonical(document, request.max_text)
        return pack(Parsed(document, resident_bytes()))
    except ParseError as error:
        return _failure(error)
    except MemoryError:
        return _failure(out_of_memory())
    except Exception:  # noqa: BLE001 # boundary: what a parser raises is the document's failure
        traceback.print_exc()  # standard error is in the parent's log
        return _failure(broken_off())


def _failure(error: ParseError) -> bytes:
    return pack(Failed(error.code, error.detail, resident_bytes()))


if __name__ == "__main__":
    main()
