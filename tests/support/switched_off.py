"""Modules with one of their rules switched off, to prove that a test would notice."""

import ast
import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from typing_extensions import override


@dataclass(frozen=True)
class Rule:
    """A place that raises."""

    module: str
    line: int
    text: str

    @override
    def __str__(self) -> str:
        return f"{self.module.rpartition('.')[2]}:{self.line} {self.text}"


def rules_of(modules: Sequence[str], error: str) -> Iterator[Rule]:
    """Give every place in these modules that raises this error."""
    for module in modules:
        source = _source(module)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Raise) and _raises(node, error):
                yield Rule(module, node.lineno, ast.unparse(node))


@contextmanager
def switched_off(rule: Rule, modules: Sequence[str]) -> Iterator[ModuleType]:
    """Load these modules anew, in order, with one rule left out; give the last of them.

    Whoever imported them before keeps what they have.
    """
    kept = {name: sys.modules[name] for name in modules}
    module = kept[modules[-1]]
    try:
        for name in modules:
            tree = ast.parse(_source(name))
            if name == rule.module:
                tree = ast.fix_missing_locations(_LeaveOut(rule.line).visit(tree))
            module = ModuleType(name)
            sys.modules[name] = module
            exec(compile(tree, f"<{name}>", "exec"), module.__dict__)  # noqa: S102 - our own source
        yield module
    finally:
        sys.modules.update(kept)


def _source(module: str) -> str:
    file = importlib.import_module(module).__file__
    assert file is not None
    return Path(file).read_text(encoding="utf-8")


def _raises(node: ast.Raise, error: str) -> bool:
    return (
        isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id == error
    )


class _LeaveOut(ast.NodeTransformer):
    """Puts `pass` in the place of what is raised in one line."""

    def __init__(self, line: int) -> None:
        self._line = line

    @override
    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        return ast.Pass() if isinstance(node, ast.Raise) and node.lineno == self._line else node
