import json
import random
import re
import shutil
import subprocess

import pytest

from tests.docs.pages import code_blocks, read

NODE = shutil.which("node")
ALPHABET = "aé\u0301ß 中文\U0001f327\U0001f31e\U0001d51e\U00020000\n"
CLAIM = re.compile(r"^(\w.*); // (\".*\")$", re.MULTILINE)

pytestmark = pytest.mark.skipif(NODE is None, reason="Node.js is not installed")


def run(program: str) -> str:
    assert NODE is not None
    ended = subprocess.run(
        [NODE, "-"], input=program, capture_output=True, encoding="utf-8", check=True, timeout=60
    )
    return ended.stdout


class TestTheSnippet:
    def test_it_cuts_as_python_does(self) -> None:
        functions, _ = code_blocks(read("docs/guides/offsets.md"), "js")
        chance = random.Random(3)
        cases = []
        for _ in range(300):
            text = "".join(chance.choices(ALPHABET, k=chance.randrange(40)))
            start = chance.randrange(len(text) + 1)
            cases.append((text, start, chance.randrange(start, len(text) + 1)))
        asked = f"{json.dumps(cases)}.map(([t, s, e]) => sliceByCodePoints(t, s, e))"
        answered = json.loads(run(f"{functions}\nconsole.log(JSON.stringify({asked}));"))
        assert answered == [text[start:end] for text, start, end in cases]

    def test_what_the_page_claims_is_so(self) -> None:
        functions, example = code_blocks(read("docs/guides/offsets.md"), "js")
        claims = CLAIM.findall(example)
        asked = ", ".join(expression for expression, _ in claims)
        text = example.splitlines()[0]
        answered = json.loads(run(f"{functions}\n{text}\nconsole.log(JSON.stringify([{asked}]));"))
        assert answered == [json.loads(result) for _, result in claims]
        assert len(answered) == 3
