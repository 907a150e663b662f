"""Limits that the kernel keeps, looked at from inside of a process that has them."""

import os
import subprocess
import sys

import pytest

GIVEN = 2**31


def inside(code: str) -> list[str]:
    """Run code in a process of its own, whose limits end with it."""
    head = "import os, resource\nfrom muniment.ingestion.parsing import confinement\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stdout.split()


class TestConfine:
    def test_takes_files_memory_and_privileges_away(self) -> None:
        shown = inside(
            f"confinement.confine({GIVEN})\n"
            "for kind in ('CORE', 'FSIZE', 'NOFILE', 'AS'):\n"
            "    print(*resource.getrlimit(getattr(resource, f'RLIMIT_{kind}')))\n"
            "print(os.getpriority(os.PRIO_PROCESS, 0))\n"
            "for line in open('/proc/self/status'):\n"
            "    if line.startswith('NoNewPrivs:'):\n"
            "        print(line.split()[1])\n"
        )
        limits = [*("0", "0") * 2, *("128",) * 2, *(str(GIVEN),) * 2]
        assert shown[: len(limits)] == limits
        assert int(shown[-2]) >= os.getpriority(os.PRIO_PROCESS, 0) + 1
        assert shown[-1] == "1"

    def test_leaves_a_limit_that_is_lower_already(self) -> None:
        shown = inside(
            "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n"
            f"confinement.confine({GIVEN})\n"
            "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0] <= 128)\n"
        )
        assert shown == ["True"]


class TestCpuTime:
    @pytest.mark.parametrize(
        ("hard", "seconds", "soft"), [(100, 50, range(50, 56)), (100, 500, range(100, 101))]
    )
    def test_never_touches_the_limit_of_the_system(
        self, hard: int, seconds: int, soft: range
    ) -> None:
        shown = inside(
            f"resource.setrlimit(resource.RLIMIT_CPU, ({hard}, {hard}))\n"
            f"confinement.allow_cpu_time({seconds})\n"
            "print(*resource.getrlimit(resource.RLIMIT_CPU))\n"
        )
        assert int(shown[0]) in soft
        assert int(shown[1]) == hard

    def test_counts_from_now_for_each_document(self) -> None:
        shown = inside(
            "import time\n"
            "while time.process_time() < 1.2: pass\n"
            "for _ in range(2):\n"
            "    confinement.allow_cpu_time(10)\n"
            "    print(*resource.getrlimit(resource.RLIMIT_CPU))\n"
        )
        assert int(shown[0]) >= 12
        assert int(shown[0]) <= int(shown[2]) <= int(shown[0]) + 1


class TestResidentBytes:
    def test_grow_with_what_is_held(self) -> None:
        shown = inside(
            "before = confinement.resident_bytes()\n"
            "held = bytearray(b'x') * (64 * 2**20)\n"
            "print(before, confinement.resident_bytes())\n"
        )
        before, after = map(int, shown)
        assert before > 2**20
        assert after - before > 60 * 2**20


class TestDieWithParent:
    def test_ends_at_once_when_the_parent_is_another_by_now(self) -> None:
        assert inside("confinement.die_with_parent(1 << 22)\nprint('lived on')\n") == []
        assert inside("confinement.die_with_parent(os.getppid())\nprint('lived on')\n") == [
            "lived",
            "on",
        ]
