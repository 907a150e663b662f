"""Whatever others wrote, a terminal gets words and a program gets JSON."""

import contextlib
import io
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from muniment.cli.terminal import encodable, line, one_line, print_json, printable

ANY = st.text(max_size=40) | st.text(
    st.sampled_from("a\x00\x1b\x07\x7f\x9b\u202e\u2066\u200f\r\n\t\u2028\u0301漢[/]"), max_size=40
)


class Named(BaseModel):
    name: str
    note: str | None = None


def printed(*models: Named, as_list: bool = False) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        print_json(*models, as_list=as_list)
    return out.getvalue()


class TestPrintable:
    @given(ANY)
    def test_holds_nothing_that_a_terminal_obeys(self, text: str) -> None:
        shown = printable(text)
        steering = [one for one in shown if unicodedata.category(one) == "Cc" and one not in "\t\n"]
        assert steering == []
        assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(shown)

    @given(st.text(st.characters(categories=["L", "M", "N", "P", "S", "Zs"]), max_size=40))
    def test_keeps_words_of_every_script(self, text: str) -> None:
        assert printable(text) == text

    @given(ANY)
    def test_one_line_never_becomes_two(self, text: str) -> None:
        assert len(one_line(text).splitlines()) <= 1
        assert len(line(text).plain.splitlines()) <= 1

    def test_a_line_takes_no_word_for_markup(self) -> None:
        assert line("[bold]x[/bold] [red", "cyan").plain == "[bold]x[/bold] [red"


class TestJson:
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
    def test_is_read_again_as_it_was_and_steers_nothing(self, name: str) -> None:
        out = printed(Named(name=name))
        assert json.loads(out) == {"name": name, "note": None}
        assert not [one for one in out[:-1] if unicodedata.category(one) == "Cc"]

    def test_of_many_is_a_list_or_a_line_for_each(self) -> None:
        two = (Named(name="a"), Named(name="b"))
        assert [each["name"] for each in json.loads(printed(*two, as_list=True))] == ["a", "b"]
        assert [json.loads(each)["name"] for each in printed(*two).splitlines()] == ["a", "b"]
        assert json.loads(printed(as_list=True)) == []

    def test_leaves_out_what_was_not_set_or_is_nothing(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        print_json(Named(name="a"), Named(name="b", note=None), without="unset")
        print_json(Named(name="c", note=None), without="none")
        written = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
        assert written == [{"name": "a"}, {"name": "b", "note": None}, {"name": "c"}]


class TestEncodable:
    @given(
        st.text(max_size=20)
        | st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
    )
    def test_can_be_written_whatever_was_typed(self, text: str) -> None:
        written = encodable(text).encode()
        assert len(written.decode()) == len(text)
