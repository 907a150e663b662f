"""What parent and child say to each other arrives as it was meant, or is no message."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.ingestion.parsing.wire import (
    HEADER,
    ROOM_BEYOND_TEXT,
    Failed,
    GarbledReplyError,
    Parsed,
    ParseRequest,
    ParserOffer,
    ParserSelection,
    Start,
    Unready,
    longest_reply,
    pack,
    read_reply,
    read_request,
    read_start,
)
from muniment.ports.parsing import Heading, ParsedDocument

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers(0, 2**40)
DOCUMENTS = st.builds(
    ParsedDocument,
    text=WORDS,
    title=st.none() | WORDS,
    page_starts=st.lists(NUMBERS, max_size=4).map(tuple),
    headings=st.lists(st.builds(Heading, NUMBERS, NUMBERS, st.integers(1, 6)), max_size=3).map(
        tuple
    ),
)
REPLIES = st.one_of(
    st.builds(Parsed, DOCUMENTS, NUMBERS),
    st.builds(Failed, st.sampled_from(["encrypted", "malformed", "too_large"]), WORDS, NUMBERS),
    st.builds(ParserOffer, st.lists(WORDS, max_size=3).map(tuple), WORDS),
    st.builds(Unready, WORDS, st.none() | WORDS),
)


def body_of(message: bytes) -> bytes:
    (size,) = HEADER.unpack(message[: HEADER.size])
    assert size == len(message) - HEADER.size
    return message[HEADER.size :]


class TestRoundTrip:
    @given(REPLIES)
    def test_of_replies(self, reply: Parsed | Failed | ParserOffer | Unready) -> None:
        assert read_reply(body_of(pack(reply))) == reply

    @given(WORDS, WORDS, NUMBERS, NUMBERS)
    def test_of_requests(self, path: str, media_type: str, seconds: int, limit: int) -> None:
        request = ParseRequest(path, media_type, seconds, limit)
        assert read_request(body_of(pack(request))) == request

    def test_of_the_start_with_the_settings_of_plug_ins(self) -> None:
        selection = ParserSelection(("a:B",), ("/x",), {"pdf": {"deep": {"list": [1, None, "x"]}}})
        start = Start(selection, 2**33)
        assert read_start(body_of(pack(start))) == start

    @given(st.text(st.sampled_from('\n\t\x0c"\\/漢\U0001f6a2 a\x7f\x9f\u2028'), max_size=200))
    def test_a_reply_is_never_longer_than_its_text_allows(self, text: str) -> None:
        reply = body_of(pack(Parsed(ParsedDocument(text), 1)))
        assert len(reply) <= longest_reply(len(text.encode())) - ROOM_BEYOND_TEXT + 150


class TestGarbled:
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"hello",
            b"null",
            b"{}",
            b'{"kind": "parsed"}',
            b'{"kind": "no such"}',
            b'{"kind": "failed", "code": "bored", "detail": "", "resident": 1}',
            b'{"kind": "parsed", "resident": 1, "document": {"text": 1}}',
            b'{"kind": "parsed", "resident": 1, "document": {"text": "\xff"}}',
            b"[" * 100_000,
        ],
    )
    def test_is_told_apart_from_every_reply(self, body: bytes) -> None:
        with pytest.raises(GarbledReplyError):
            read_reply(body)

    @pytest.mark.parametrize("change", [lambda raw: raw[:-1], lambda raw: raw + b"}"])
    def test_a_reply_that_was_cut_or_lengthened_is(self, change: Callable[[bytes], bytes]) -> None:
        whole = body_of(pack(Unready("No.", None)))
        with pytest.raises(GarbledReplyError):
            read_reply(change(whole))
