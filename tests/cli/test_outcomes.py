"""What a person is told of the files that were added."""

import io
from uuid import UUID

import pytest
from rich.console import Console

from muniment.cli.outcomes import Report, tell

ONE, TWO = UUID(int=1), UUID(int=2)


def told(report: Report) -> str:
    out = io.StringIO()
    tell(report, Console(file=out, highlight=False, width=40))
    return out.getvalue()


class TestReport:
    def test_counts_a_file_once_it_has_ended(self) -> None:
        report = Report(waiting={ONE: "created", TWO: "changed"})
        assert report.ended == 0
        report.end(TWO)
        report.fail("a.txt", "it is empty")
        assert (report.ended, report.waiting) == (2, {ONE: "created"})
        report.end(ONE)
        assert (report.ended, report.outcomes) == (3, {"created": 1, "changed": 1})


class TestTell:
    @pytest.mark.parametrize(
        ("outcomes", "failed", "sentence"),
        [
            ({}, 0, "nothing to read: no document was found"),
            ({"removed": 0}, 0, "nothing to read: no document was found"),
            ({"created": 2}, 0, "2 created"),
            ({"unchanged": 1, "created": 2, "removed": 3}, 0, "2 created, 3 removed, 1 unchanged"),
            ({"created": 1}, 2, "1 created, 2 failed"),
            ({}, 1, "1 failed"),
        ],
    )
    def test_sums_up_in_one_line(
        self, outcomes: dict[str, int], failed: int, sentence: str
    ) -> None:
        report = Report(failures=[("x", "y")] * failed)
        report.outcomes.update(outcomes)
        assert told(report) == f"{sentence}\n"

    def test_names_each_that_was_left_out_on_a_line_of_stderr(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        report = Report(
            failures=[("bad\x1b[2J[red].pdf", "it is " + "very " * 40 + "long")],
            skipped=[("photo.raw", "its kind is not read")],
        )
        assert told(report) == "1 failed\n"
        skipped, failed = capsys.readouterr().err.splitlines()
        assert skipped == "- photo.raw: skipped, its kind is not read"
        assert failed.startswith("✗ bad�[2J[red].pdf: it is very ")
        assert failed.endswith("long")
