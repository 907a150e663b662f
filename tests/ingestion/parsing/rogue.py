"""A plug-in that misbehaves on demand: the first word of the file says how."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from muniment.kit.plugins import NoSettings, PluginFactory
from muniment.ports.parsing import Heading, ParsedDocument, ParseError


def _hang(path: Path) -> ParsedDocument:
    time.sleep(600)
    return ParsedDocument("")


def _spin(path: Path) -> ParsedDocument:
    while True:
        pass


def _eat(path: Path) -> ParsedDocument:
    return ParsedDocument("x" * 2**31)


def _abort_out_of_memory(path: Path) -> ParsedDocument:
    os.write(2, b"memory allocation of 999999 bytes failed\n")
    os.abort()


def _segfault(path: Path) -> ParsedDocument:
    return ParsedDocument(ctypes.string_at(8).decode())


def _exit(path: Path) -> ParsedDocument:
    os._exit(3)


def _print(path: Path) -> ParsedDocument:
    os.write(1, b"\x00\x00\x00\x05hello")
    sys.stdout.write("printed" * 50_000)
    sys.stdout.flush()
    sys.stderr.write("printed" * 50_000)
    return ParsedDocument("quiet")


def _raise(path: Path) -> ParsedDocument:
    raise RuntimeError("unexpected")


def _refuse(path: Path) -> ParsedDocument:
    raise ParseError("no_text_layer", "Only pictures.")


def _surrogate(path: Path) -> ParsedDocument:
    return ParsedDocument("\ud800")


def _misplace(path: Path) -> ParsedDocument:
    return ParsedDocument("abc", headings=(Heading(2, 9, 1),))


def _grow(path: Path) -> ParsedDocument:
    _kept.append(bytearray(os.urandom(1) * (64 * 2**20)))
    return ParsedDocument(str(os.getpid()))


def _name(path: Path) -> ParsedDocument:
    return ParsedDocument(str(os.getpid()))


def _long(path: Path) -> ParsedDocument:
    return ParsedDocument("a" * 3_000_000)


def _describe(path: Path) -> ParsedDocument:
    """Tell what is within reach: environment, files, new groups."""
    names = " ".join(sorted(os.environ))
    try:
        (path.parent / "written").write_bytes(b"x")
        wrote = "wrote"
    except OSError:
        wrote = "refused"
    return ParsedDocument(
        f"{wrote}|{names}|{Path.cwd()}|{len(list(Path('/proc/self/fd').iterdir()))}"
    )


def _spawn(path: Path) -> ParsedDocument:
    child = subprocess.Popen(["sleep", "300"])
    (path.parent / "grandchild").symlink_to(str(child.pid))
    time.sleep(600)
    return ParsedDocument("")


def _die(path: Path) -> ParsedDocument:
    os.kill(os.getpid(), signal.SIGKILL)
    return ParsedDocument("")


_kept: list[bytearray] = []
_ACTS: dict[str, Callable[[Path], ParsedDocument]] = {
    "abort_out_of_memory": _abort_out_of_memory,
    "describe": _describe,
    "die": _die,
    "eat": _eat,
    "exit": _exit,
    "grow": _grow,
    "hang": _hang,
    "long": _long,
    "misplace": _misplace,
    "name": _name,
    "print": _print,
    "raise": _raise,
    "refuse": _refuse,
    "segfault": _segfault,
    "spawn": _spawn,
    "spin": _spin,
    "surrogate": _surrogate,
}


class RogueParser:
    media_types = frozenset({"test/rogue"})
    revision = "rogue-1"

    def parse(self, path: Path, _media_type: str, /) -> ParsedDocument:
        return _ACTS[path.read_text().split()[0]](path)


PLUGIN = PluginFactory(NoSettings, lambda _settings: RogueParser())
