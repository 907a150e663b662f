"""The edge commits, once: nobody but `postgres/` ends a transaction (docs/decisions/0002)."""

import ast

from tests.architecture.sources import Source, last_name, sources

ENDINGS = {"commit", "rollback"}


def offences(source: Source) -> list[str]:
    found = []
    for call, name in source.calls():
        ends = isinstance(call.func, ast.Attribute) and name in ENDINGS
        opens = (
            isinstance(call.func, ast.Attribute)
            and name == "begin"
            and last_name(call.func.value).lstrip("_") == "sessions"
        )
        if ends or opens:
            found.append(f"{source.path}:{call.lineno} {ast.unparse(call)}")
    return found


def test_nobody_outside_the_database_package_ends_a_transaction() -> None:
    found = [
        offence
        for source in sources()
        if not source.path.startswith("postgres/")
        for offence in offences(source)
    ]
    assert found == []


def test_rule_sees_what_it_forbids() -> None:
    tree = ast.parse("await session.commit()\nself._sessions.begin()\nengine.rollback()\nbegin()")
    assert len(offences(Source("x.py", "", tree))) == 3
