"""What is logged of a database that is away: its going and its coming, once each."""

from structlog.testing import capture_logs

from muniment.ingestion.outage import Outage


class TestOutage:
    def test_is_told_in_one_line_each_way(self) -> None:
        outage = Outage()
        with capture_logs() as logs:
            for _ in range(2):
                outage.note_success()
                for _ in range(3):
                    outage.note_failure(ConnectionRefusedError())
                outage.note_success()
                outage.note_success()
        events = [entry["event"] for entry in logs]
        assert events == ["worker_waits", "worker_goes_on"] * 2
        assert logs[0]["reason"] == "The database cannot be reached at the moment."
        assert not any("exc_info" in entry for entry in logs)

    def test_hides_no_fault(self) -> None:
        outage, fault = Outage(), ValueError("a bug")
        with capture_logs() as logs:
            outage.note_failure(ConnectionRefusedError())
            outage.note_failure(fault)
        assert [entry.get("exc_info") for entry in logs] == [None, fault]
