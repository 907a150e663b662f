import subprocess
import sys

import pytest

INTERRUPTED_AT = """\
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
sys.argv = ["muniment", "token", "--user", "alice"]
from muniment.cli.start import run
run()
"""


class TestRun:
    @pytest.mark.parametrize("module", ["typer", "pydantic", "muniment.cli.tokens"])
    def test_ends_without_a_word_when_it_is_interrupted_while_it_loads(self, module: str) -> None:
        ended = subprocess.run(
            [sys.executable, "-c", INTERRUPTED_AT.format(module=module)],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"")
