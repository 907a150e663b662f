"""The page of caches names every cache that is in the code."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import Source, last_name, sources
from tests.docs.pages import read

PAGE = read("docs/guides/caches.md")
REMEMBERING = {
    "cache",
    "cached_property",
    "lru_cache",
    "OrderedDict",
    "LRUCache",
    "TTLCache",
    "WeakKeyDictionary",
    "WeakValueDictionary",
}
KEEPING = re.compile(r"(cache|cached|stems)$")
"""How the name of an attribute ends that keeps what was made of something."""


def keeps_something(source: Source) -> bool:
    """Tell whether a module remembers answers: by a decorator, a class, or a dict that forgets."""
    named = {name.rpartition(".")[2] for name in source.imported()}
    called = {name for _, name in source.calls()}
    decorated = {
        last_name(each.func if isinstance(each, ast.Call) else each)
        for function in source.functions()
        for each in function.decorator_list
    }
    classes = {node.name for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef)}
    return bool(
        REMEMBERING & (named & (called | decorated) | decorated)
        or any("Cache" in name for name in classes)
        or any(KEEPING.search(name) for name in dictionaries(source.tree))
    )


def dictionaries(tree: ast.Module) -> Iterator[str]:
    """Name what begins as an empty dict, of a module or of an object."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[target], value=ast.Dict(keys=[]))
                | ast.AnnAssign(target=target, value=ast.Dict(keys=[]))
            ):
                yield last_name(target).lower()
            case _:
                pass


def test_every_cache_is_on_the_page() -> None:
    caches = [source.path for source in sources() if keeps_something(source)]
    assert len(caches) >= 5
    assert [path for path in caches if f"`{path}`" not in PAGE] == []


def test_every_module_on_the_page_is_there() -> None:
    paths = {source.path for source in sources()}
    named = re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", PAGE)
    assert named
    assert [path for path in named if path not in paths] == []


def test_rule_sees_what_it_is_for() -> None:
    for text in (
        "from functools import lru_cache\n@lru_cache(maxsize=2)\ndef f(): ...",
        "from functools import cache\n@cache\ndef f(): ...",
        "from functools import cache\ng = cache(f)",
        "import functools\n@functools.cache\ndef f(): ...",
        "class AnswerCache: ...",
        "from collections import OrderedDict\nx = OrderedDict()",
        "from functools import cached_property\nclass A:\n    @cached_property\n    def f(me): ...",
        "from weakref import WeakValueDictionary\nx = WeakValueDictionary()",
        "class A:\n    def __init__(self):\n        self._stems: dict[str, str] = {}",
        "_cached = {}",
    ):
        assert keeps_something(Source("x.py", text, ast.parse(text))), text
    harmless = "headers = {'Cache-Control': 'no-store'}\ndef cached(): ..."
    assert not keeps_something(Source("x.py", harmless, ast.parse(harmless)))
