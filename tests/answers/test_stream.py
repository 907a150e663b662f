import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.answers.schemas import AnswerRead, Usage
from muniment.answers.stream import answer_events, wants_events

ANSWER = AnswerRead(
    answer="One. [1] Two\nlines. [2]",
    mode="extractive",
    citations=[],
    model=None,
    usage=Usage(),
    timings_ms={"total": 1.0},
)


class TestEvents:
    def test_deltas_add_up_to_the_answer_and_the_last_event_is_all_of_it(self) -> None:
        events = [event.decode().split("\n") for event in answer_events(ANSWER)]
        names = [lines[0].removeprefix("event: ") for lines in events]
        payloads = [json.loads(lines[1].removeprefix("data: ")) for lines in events]
        assert names == ["delta", "delta", "finished"]
        assert "".join(payload["text"] for payload in payloads[:-1]) == ANSWER.answer
        assert payloads[-1] == ANSWER.model_dump(mode="json")

    @given(
        st.lists(
            st.sampled_from(["Words.", " [1] ", "[12]\n", "[x]", "\n\n", "\r", "data: ", "[", "]"])
            | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
            max_size=12,
        ).map("".join)
    )
    def test_any_text_comes_through_whole_one_line_for_each_event(self, words: str) -> None:
        answer = ANSWER.model_copy(update={"answer": words})
        events = list(answer_events(answer))
        deltas = []
        for event in events[:-1]:
            name, payload, *end = event.decode().split("\n")
            assert (name, end) == ("event: delta", ["", ""])
            assert "\r" not in payload
            deltas.append(json.loads(payload.removeprefix("data: "))["text"])
        assert "".join(deltas) == words
        assert all(deltas)

    @pytest.mark.parametrize(
        ("accept", "wanted"),
        [
            (None, False),
            ("*/*", False),
            ("application/json", False),
            ("text/event-stream", True),
            ("application/json;q=.5, Text/Event-Stream; q=1", True),
        ],
    )
    def test_only_who_asks_by_name_gets_events(self, accept: str | None, wanted: bool) -> None:  # noqa: FBT001 - a parameter of the test
        assert wants_events(accept) is wanted
