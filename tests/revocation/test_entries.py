from dataclasses import replace

from muniment.revocation.entries import SKEW, admitted, issued
from tests.revocation.grounds import ACCOUNT, ALICE, ISSUER, KEY, NOON, WEB_SESSION


class TestIssued:
    def test_names_issuer_subject_and_session(self) -> None:
        assert dict(issued(ALICE)) == {
            ("issuer", ISSUER, ""): NOON,
            ("subject", ISSUER, "alice"): NOON,
            ("session", ISSUER, "sid-1"): NOON,
        }

    def test_of_a_token_without_a_session_names_none(self) -> None:
        kinds = {kind for (kind, _, _), _ in issued(replace(ALICE, session_id=None))}
        assert kinds == {"issuer", "subject"}

    def test_of_what_is_no_token_is_nothing(self) -> None:
        assert dict(issued(replace(ALICE, issued_at=None, key_id=KEY))) == {}


class TestAdmitted:
    def test_names_what_is_ours(self) -> None:
        grounds = replace(ALICE, key_id=KEY, web_session_id=WEB_SESSION)
        moment = NOON - SKEW
        assert dict(admitted(grounds)) == {
            ("account", "", str(ACCOUNT)): moment,
            ("key", "", str(KEY)): moment,
            ("web_session", "", str(WEB_SESSION)): moment,
        }
