"""The product's source files, parsed once for the rules that no linter has."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import muniment

ROOT = Path(muniment.__file__).parent

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One module: its path below the package, its text, its syntax tree."""

    path: str
    text: str
    tree: ast.Module

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Give every call with the last part of the name of what is called."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call):
                yield node, last_name(node.func)

    def functions(self) -> Iterator[FunctionNode]:
        for node in ast.walk(self.tree):
            if isinstance(node, FunctionNode):
                yield node

    def imported(self) -> set[str]:
        """Give what is imported by name, as `module.name`."""
        return {
            f"{node.module}.{alias.name}"
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }


def last_name(node: ast.expr) -> str:
    """Give `c` of `a.b.c`, and of `c`; nothing of anything else."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@cache
def sources() -> tuple[Source, ...]:
    """Parse every module of the product."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text("utf-8")
        found.append(Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text)))
    return tuple(found)
