"""The command `eval`: figures for people and programs, and nothing left behind."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

SHOWN = {"mode", "ndcg@10", "recall@10", "recall@100", "mrr@10"}
FIGURES = {*SHOWN, "queries", "documents", "failed", "intervals", "against"}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    rows: dict[str, list[dict[str, object]]] = {
        "corpus.jsonl": [
            {"_id": "d1", "title": "Herons", "text": "Herons stand still in shallow water."},
            {"_id": "d2", "title": "Tide", "text": "The tide turns twice a day."},
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
        result = run("eval", dataset, "--arms")
        assert result.exit_code == 0
        arms, comparisons = result.stdout.split("\n\n")
        head, *rows, counts = (line.split() for line in arms.splitlines())
        assert {*head} == {*SHOWN, "answer@3", "answer_in_top@3"}
        assert [row[0] for row in rows] == ["hybrid", "lexical", "dense", "plain"]
        for row in rows:
            figures = dict(zip(head, row, strict=True))
            assert figures["ndcg@10"] == figures["recall@10"] == figures["mrr@10"] == "1.0000"
        # Of four documents one has nothing in it, of three questions one has no judgement.
        assert " ".join(counts) == "2 queries, 3 documents, 0 failed"
        compared = [line.split() for line in comparisons.splitlines()]
        assert compared[0] == ["mode", "against", "figure", "difference", "from", "to"]
        assert {(row[0], row[1]) for row in compared[1:]} == {
            ("hybrid", "lexical"), ("hybrid", "dense"), ("hybrid", "plain"),
        }  # fmt: skip
        # What others have deleted may go meanwhile.
        assert stored(home) <= before

    def test_gives_programs_one_object_for_one_mode(self, run: Run, dataset: Path) -> None:
        (dataset / "queries.jsonl").write_text('{"_id": "q2", "text": "the tide"}\n')
        result = run("eval", dataset, "--mode", "lexical", "--json")
        figures = json.loads(result.stdout)
        # Without a question that carries answers there is no share of answered ones.
        assert figures.keys() == FIGURES
        assert (figures["mode"], figures["queries"], figures["ndcg@10"]) == ("lexical", 1, 1.0)
        assert figures["intervals"]["ndcg@10"] == [1.0, 1.0]
        assert figures["against"] == {}

    def test_compares_with_an_earlier_run_question_by_question(
        self, run: Run, dataset: Path, tmp_path: Path
    ) -> None:
        kept = tmp_path / "before.json"
        first = run("eval", dataset, "--mode", "lexical", "--per-query", kept)
        assert first.exit_code == 0
        measured = json.loads(kept.read_text())
        assert measured["lexical"]["ndcg@10"] == {"q1": 1.0, "q2": 1.0}
        measured["lexical"]["ndcg@10"]["q2"] = 0.5
        kept.write_text(json.dumps(measured))
        result = run("eval", dataset, "--mode", "lexical", "--compare", kept, "--json")
        compared = json.loads(result.stdout)["against"]["before"]
        assert compared["ndcg@10"] == {"difference": 0.25, "low": 0.0, "high": 0.5}
        assert compared["mrr@10"] == {"difference": 0.0, "low": 0.0, "high": 0.0}

    def test_refuses_to_compare_with_what_no_run_has_written(
        self, run_alone: Run, dataset: Path
    ) -> None:
        result = run_alone("eval", dataset, "--compare", dataset / "qrels.tsv")
        assert (result.exit_code, result.stdout) == (2, "")
        assert "--per-query FILE" in " ".join(result.stderr.split())

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

    def test_measures_silence_and_gives_constants_anew(self, run: Run, dataset: Path) -> None:
        (dataset / "queries.jsonl").write_text(
            '{"_id": "q1", "text": "Where do herons stand still?", "answers": ["shallow water"]}\n'
            '{"_id": "q2", "text": "How often does the tide turn?", "answers": ["twice a day"]}\n'
        )
        found = json.loads(run("eval", dataset, "--abstention", "--json").stdout)
        assert found["queries"] == {"tune": 1, "report": 1}
        assert found["operating_point"]["precision"] == 1.0
        assert found["fits"].keys() == {"words", "without_closer_look"}
        shown = run("eval", dataset, "--abstention").stdout.splitlines()
        assert shown[0].split()[:3] == ["abstain_below", "precision", "recall"]
        assert len(shown) == len(found["curve"]) + 2
