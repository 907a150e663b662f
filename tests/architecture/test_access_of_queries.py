"""Every query on documents, their versions or their chunks goes through the one access rule.

Row-level security stands behind it, but it knows names and grants only: conditions on
attributes and deleted documents are the predicate's business.
"""

import ast
import re

from tests.architecture.sources import Source, last_name, sources

WALLED = {"Document", "DocumentVersion", "Chunk"}
STATEMENTS = {"select", "update", "delete", "exists", "get"}
GUARDS = {"muniment.library.policy.predicate", "muniment.index.reach.reachable"}

WITHOUT_A_CALLER = {
    "ingestion/": "runs as the worker role, for a tenant and for nobody in it",
    "index/folding.py": "counts as the worker role, for a tenant and for nobody in it",
    "index/recall.py": "samples as the owner, for those who operate it, and gives numbers only",
    "index/repository.py": "writes the index as the worker role",
    "index/search_statements.py": "is handed the condition by the store, which has it from a reach",
    "library/repository/collections.py": "asks whether any document is left in a collection",
    "library/repository/usage.py": "adds up the bytes of a document that its caller has found",
    "library/policy.py": "is the rule",
}

_RAW = re.compile(r"\b(?:from|join|update|into)\s+(?:document|document_version|chunk)\b")


def names_walled(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id in WALLED for inner in ast.walk(node))


def asks_for_walled_rows(source: Source) -> bool:
    """Tell whether a module makes a statement, or writes one out, on a walled table."""
    for call, name in source.calls():
        if name in STATEMENTS and any(names_walled(argument) for argument in call.args):
            return True
        if last_name(call.func) == "text" and any(
            isinstance(part, ast.Constant) and _RAW.search(str(part.value)) for part in call.args
        ):
            return True
    return False


def is_excused(source: Source) -> bool:
    return any(source.path.startswith(path) for path in WITHOUT_A_CALLER)


def test_every_module_that_asks_for_walled_rows_uses_the_access_rule() -> None:
    naked = [
        source.path
        for source in sources()
        if asks_for_walled_rows(source)
        and not is_excused(source)
        and not source.imported() & GUARDS
    ]
    assert naked == []


def test_every_excuse_is_needed() -> None:
    asking = [source.path for source in sources() if asks_for_walled_rows(source)]
    idle = [
        path for path in WITHOUT_A_CALLER if not any(asked.startswith(path) for asked in asking)
    ]
    assert [path for path in idle if path != "library/policy.py"] == []


def test_rule_sees_what_it_is_for() -> None:
    naked = (
        "session.execute(select(Document).where(x))",
        "session.get(Chunk, 1)",
        "select(func.count(DocumentVersion.number))",
        "text('select 1 from chunk where id = 1')",
    )
    for line in naked:
        assert asks_for_walled_rows(Source("x.py", line, ast.parse(line))), line
    harmless = "select(Collection); text('select 1 from chunk_lex'); Document(name='x')"
    assert not asks_for_walled_rows(Source("x.py", harmless, ast.parse(harmless)))
