import pytest
from hypothesis import given
from hypothesis import strategies as st

from muniment.index.sentences import sentence_spans


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, 0, len(text))]


class TestSentenceSpans:
    @pytest.mark.parametrize(
        "expected",
        [
            ["The mill burned.", "Nobody knew why!", "Did they?", "Yes."],
            ["It cost 3.14 marks, e.g. for flour.", "Dr. Weber paid."],
            ["He met J. S. Bach in the U.S. Army.", "They parted."],
            ["She lived in the U.S.", "The house stands."],
            ["See Fig. 3 and Art. 12 of No. 7.", "No."],
            ["Die Mühle gehört z.B. Hrn. Dr. Weber.", "Vgl. S. 12."],
            ["“Where is it?” he asked.", "“Here.”", "She left."],
            ["Sie fährt seit dem 1. Mai.", "Am 3. Oktober 1990 regnete es."],
            ["Er lebte im 16. Jahrhundert, z. B. in Gent.", "Das ist die 2. Auflage."],
            ["Es waren 12.", "Niemand fehlte."],
            ["The answer is 42.", "August rains came later.", "Roll a die 3.", "Then move on."],
            ["Wait ... what?", "Fine… he said so."],
            ["1. First of all, read.", "2. Then sign."],
            ["In 1998.", "The year was wet."],
            ["heat transfer at a point .", "a blunt body is used ."],
        ],
    )
    def test_follow_marks_but_not_abbreviations(self, expected: list[str]) -> None:
        assert split(" ".join(expected)) == expected

    def test_end_at_wide_marks_without_a_space(self) -> None:
        assert split("文書館です。「地図?」もあります\uff01終わり") == [
            "文書館です。", "「地図?」もあります\uff01", "終わり",
        ]  # fmt: skip
        assert split("他说\uff1a“明天开会。”然后走了。真的吗\uff1f是。价格是3.5元。") == [
            "他说\uff1a“明天开会。”", "然后走了。", "真的吗\uff1f", "是。", "价格是3.5元。",
        ]  # fmt: skip

    def test_end_before_list_items_and_after_blank_and_short_lines(self) -> None:
        body = "The archive keeps deeds and maps\nof the town and its mills"
        text = f"Title\n{body}\n- deeds\n- maps\n\nend"
        assert split(text) == ["Title", body, "- deeds", "- maps", "end"]

    def test_go_on_in_the_next_line_when_they_begin_late_in_a_full_one(self) -> None:
        text = (
            "Up to five unused days can be carried over into the next year. Unused days lapse on\n"
            "31 March. Leave that you could not take does not lapse until 18 months later. Ask\n"
            "Anna Smith."
        )
        assert [sentence.replace("\n", " ") for sentence in split(text)] == [
            "Up to five unused days can be carried over into the next year.",
            "Unused days lapse on 31 March.",
            "Leave that you could not take does not lapse until 18 months later.",
            "Ask Anna Smith.",
        ]

    def test_only_look_at_the_span_asked_for(self) -> None:
        text = "One. Two. Three."
        assert list(sentence_spans(text, 5, 10)) == [(5, 9)]

    @given(st.text(alphabet='ab.!?\n AB。"1-…', max_size=80))
    def test_cover_everything_visible_in_order(self, text: str) -> None:
        place = 0
        for start, end in sentence_spans(text, 0, len(text)):
            assert not text[place:start].strip()
            assert text[start:end] == text[start:end].strip() != ""
            place = end
        assert not text[place:].strip()
