"""The command `eval`: figures for people and programs, and nothing left behind."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

FIGURES = {"ndcg@10", "recall@10", "recall@100", "mrr@10", "queries", "mode", "documents", "failed"}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    rows: dict[str, list[dict[str, object]]] = {
        "corpus.jsonl": [
            {"_id": "d1", "title": "Herons", "text": "Herons stand still in shallow water."},
            {"_id": "d2", "title": "Tides", "text": "The tide turns twice a day."},
            {"_id": "d3", "title": "Moss", "text": ""},
            {"_id": "d4", "text": " "},
        ],
        "queries.jsonl": [
            {"_id": "q1", "text": "Where do herons stand still?", "answers": ["shallow water"]},
            {"_id": "q2", "text": "How often does the tide turn?"},
            {"_id": "q3", "text": "Nobody judged this one."},
        ],
    }
    for name, lines in rows.items():
        (tmp_path / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\n")
    return tmp_path


def stored(home: Path) -> set[Path]:
    return {file for file in (home / "originals").rglob("*") if file.is_file()}


class TestEval:
    def test_measures_each_arm_and_leaves_nothing(
        self, run: Run, home: Path, dataset: Path
    ) -> None:
        before = stored(home)
        result = run("eval", dataset, "--all-modes")
        assert result.exit_code == 0
        head, *rows = (line.split() for line in result.stdout.splitlines())
        assert {*head} == {*FIGURES, "answer@3"}
        assert [row[0] for row in rows] == ["hybrid", "lexical", "dense"]
        for row in rows:
            figures = dict(zip(head, row, strict=True))
            # Of four documents one has nothing in it, of three questions one has no judgement.
            counts = (figures["documents"], figures["failed"], figures["queries"])
            assert counts == ("3", "0", "2")
            assert figures["ndcg@10"] == figures["recall@10"] == figures["mrr@10"] == "1.0000"
        # What others have deleted may go meanwhile.
        assert stored(home) <= before

    def test_gives_programs_one_object_for_one_mode(self, run: Run, dataset: Path) -> None:
        (dataset / "queries.jsonl").write_text('{"_id": "q2", "text": "the tide"}\n')
        result = run("eval", dataset, "--mode", "lexical", "--json")
        figures = json.loads(result.stdout)
        # Without a question that carries answers there is no share of answered ones.
        assert figures.keys() == FIGURES
        assert (figures["mode"], figures["queries"], figures["ndcg@10"]) == ("lexical", 1, 1.0)

    @pytest.mark.parametrize(
        ("name", "content", "told"),
        [
            ("qrels.tsv", "q1\td1\tinf\n", "line 1: the score 'inf' is no number"),
            ("qrels.tsv", "q1\td1\tnan\n", "line 1: the score 'nan' is no number"),
            ("qrels.tsv", "q9\td1\t1\n", "has a relevant document"),
            ("queries.jsonl", '{"_id": "q1"}\n', "queries.jsonl, line 1: text"),
            ("corpus.jsonl", "[]\n", "corpus.jsonl, line 1"),
        ],
    )
    def test_a_fault_of_the_data_is_wrong_usage(
        self, run_alone: Run, dataset: Path, name: str, content: str, told: str
    ) -> None:
        (dataset / name).write_text(content)
        result = run_alone("eval", dataset)
        assert (result.exit_code, result.stdout) == (2, "")
        assert told in " ".join(result.stderr.split())

    def test_a_file_in_the_place_of_the_folder_is_wrong_usage(
        self, run_alone: Run, dataset: Path
    ) -> None:
        result = run_alone("eval", dataset / "qrels.tsv")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "A data set is a folder" in result.stderr
