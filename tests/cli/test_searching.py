"""How passages and answers look to a person."""

import io
from uuid import UUID

import pytest
from rich.console import Console

from muniment.answers.schemas import AnswerRead, CitationRead, Usage
from muniment.cli.asking import show_answer
from muniment.cli.searching import place_of, show_passages
from muniment.retrieval.schemas import (
    ArmRead,
    PassageExplanation,
    PassageRead,
    SearchExplanation,
    SearchResponse,
)

TITLE = "\x1b]0;mine\x07"
"""Would change the title of a terminal."""


def passage(**changes: object) -> PassageRead:
    fields: dict[str, object] = {
        "document_id": UUID(int=1),
        "document_name": "lake.txt",
        "version": 1,
        "page": None,
        "start": 0,
        "end": 4,
        "text": "Pike",
        "score": 0.731,
        "headings": [],
        "uri": None,
    }
    return PassageRead.model_validate({**fields, **changes})


def response(*passages: PassageRead, explain: SearchExplanation | None = None) -> SearchResponse:
    return SearchResponse(results=list(passages), mode="hybrid", timings_ms={}, explain=explain)


class TestPassages:
    def test_are_numbered_with_place_score_and_headings(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        show_passages(
            response(passage(), passage(page=7, headings=["Fish", "Pike\n[b]"], score=0.5))
        )
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "1. lake.txt  0.73"
        assert lines[3] == "2. lake.txt, page 7  0.50  Fish > Pike [b]"

    def test_are_said_to_be_none(self, capsys: pytest.CaptureFixture[str]) -> None:
        show_passages(response())
        assert capsys.readouterr().out == "Nothing was found.\n"

    @pytest.mark.parametrize("field", ["document_name", "text", "headings"])
    def test_cannot_steer_the_terminal(
        self, capsys: pytest.CaptureFixture[str], field: str
    ) -> None:
        value = [TITLE] if field == "headings" else TITLE
        show_passages(response(passage(**{field: value})))
        out = capsys.readouterr().out
        assert "]0;mine" in out
        assert not {"\x1b", "\x07"} & set(out)

    def test_explain_both_arms_or_say_that_one_did_not_run(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        words = ArmRead(rank=2, score=3.14159, z=-0.5)
        why = PassageExplanation(lexical=words, dense=None, closely=0.5, fused=-0.25)
        whole = SearchExplanation(language="en", lexical_share=0.4, candidates=12, exhaustive=False)
        show_passages(response(passage(explain=why), explain=whole))
        out = capsys.readouterr().out
        assert "words #2 (3.14, -0.50) · meaning - · closely 0.50 · fused -0.25" in out
        assert "language en, weight of the words 0.4, 12 candidates from an index" in out
        show_passages(response(explain=whole.model_copy(update={"exhaustive": True})))
        assert "12 candidates from every readable passage" in " ".join(
            capsys.readouterr().out.split()
        )

    @pytest.mark.parametrize(("page", "place"), [(None, "a.pdf"), (3, "a.pdf, page 3")])
    def test_stand_on_a_page_where_there_are_pages(self, page: int | None, place: str) -> None:
        assert place_of("a.pdf", page) == place


def citation(marker: int, **changes: object) -> CitationRead:
    fields: dict[str, object] = {
        "marker": marker,
        "document_id": UUID(int=1),
        "document_name": "lake.txt",
        "uri": None,
        "version": 1,
        "page": None,
        "start": 10,
        "end": 20,
        "quote": "x",
        "status": "verified",
        "score": 0.5,
    }
    return CitationRead.model_validate({**fields, **changes})


def shown(words: str, *citations: CitationRead, mode: str = "extractive") -> str:
    out = io.StringIO()
    answer = AnswerRead.model_validate(
        {
            "answer": words,
            "mode": mode,
            "citations": citations,
            "model": None,
            "usage": Usage(),
            "timings_ms": {},
        }
    )
    show_answer(answer, Console(file=out, highlight=False, width=80))
    return out.getvalue()


class TestAnswer:
    def test_stands_above_where_each_part_of_it_comes_from(self) -> None:
        out = shown("One. [1] Two. [2]", citation(1), citation(2, page=4, status="weak"))
        assert [line.rstrip() for line in out.splitlines()] == [
            "  One. [1] Two. [2]",
            "",
            "  [1] lake.txt  characters 10-20, verified",
            "  [2] lake.txt, page 4  characters 10-20, weak",
            "  Quoted from the documents; no language model is configured.",
        ]

    def test_that_is_none_cites_nothing_and_claims_no_quotes(self) -> None:
        assert shown("The documents do not say.", mode="none").split("\n") == [
            "  The documents do not say.".ljust(80),
            "",
        ]

    def test_of_a_language_model_does_not_pass_for_a_quote(self) -> None:
        assert "Quoted" not in shown("One. [1]", citation(1), mode="generated")

    def test_keeps_its_lines_and_steers_nothing(self) -> None:
        out = shown(f"- a [1]\n- {TITLE} [2]", citation(1, document_name=f"{TITLE}\n[red]x"))
        assert [line.strip() for line in out.splitlines()[:2]] == ["- a [1]", "- �]0;mine� [2]"]
        assert "[1] �]0;mine� [red]x" in out
        assert not {"\x1b", "\x07"} & set(out)
