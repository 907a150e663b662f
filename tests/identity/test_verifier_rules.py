"""The proof of the hostile tokens: each rule of the verifier, switched off, lets one of them by."""

import pytest
from structlog.testing import capture_logs

from muniment.identity.errors import InvalidTokenError
from muniment.identity.issuers import TrustedIssuer, TrustedIssuers
from muniment.identity.refusals import Reason
from muniment.identity.verifier import TokenVerifier
from tests.identity.attacks import ATTACKS
from tests.support.fake_idp import FakeIdp
from tests.support.fixed_clock import FixedClock
from tests.support.switched_off import Rule, rules_of, switched_off

MODULES = tuple(
    f"muniment.identity.{name}" for name in ("compact", "signatures", "claims", "verifier")
)
OF_ANSWERS = ("muniment.identity.verifier", "Reason.ISSUER")
"""About what an issuer answers when asked, not about a token: test_introspection.py."""
RULES = [
    rule
    for rule in rules_of(MODULES, "TokenRefusedError")
    if (rule.module, rule.text.partition("(")[2].rstrip(")")) != OF_ANSWERS
]


@pytest.fixture(scope="module")
def tokens(idp: FakeIdp) -> dict[str, tuple[str, str]]:
    """Every hostile token with the reason for which it is refused."""
    return {attack.name: (attack.forge(idp), attack.reason.value) for attack in ATTACKS}


async def missed(verifier: TokenVerifier, tokens: dict[str, tuple[str, str]]) -> list[str]:
    """Give the tokens that are not refused for their reason."""
    names = []
    for name, (token, reason) in tokens.items():
        with capture_logs() as logs:
            try:
                await verifier.verify(token)
            except InvalidTokenError:
                outcome = logs[0]["reason"]
            except Exception as error:  # noqa: BLE001 - a crash is a miss
                outcome = type(error).__name__
            else:
                outcome = "accepted"
        if outcome != reason:
            names.append(f"{name}: {outcome}")
    return names


async def test_nothing_is_missed_with_all_rules(
    verifier: TokenVerifier, tokens: dict[str, tuple[str, str]]
) -> None:
    assert await missed(verifier, tokens) == []


@pytest.mark.parametrize("rule", RULES, ids=str)
async def test_something_is_missed_without(
    rule: Rule,
    trusted: TrustedIssuer,
    clock: FixedClock,
    tokens: dict[str, tuple[str, str]],
) -> None:
    with switched_off(rule, MODULES) as module:
        verifier = module.TokenVerifier(TrustedIssuers([trusted]), clock)
        assert await missed(verifier, tokens) != []


def test_rules_are_many_and_all_reasons_have_one() -> None:
    texts = " ".join(rule.text for rule in RULES)
    assert len(RULES) >= 30
    untold = {Reason.INACTIVE, Reason.REVOKED}  # of answers and of the log of revocations
    assert [one for one in Reason if f"Reason.{one.name})" not in texts and one not in untold] == []
