"""What a validator found wrong, told about what was sent.

Pydantic says where a fault is in terms of its schema: tags and branches of unions stand between
the names that the caller knows, and each branch that does not fit is a fault of its own. Here a
place is a JSON Pointer into what was sent, and a value that fits no branch is one fault.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from muniment.kit.errors import FieldProblem, json_pointer

Steps = tuple[str | int, ...]
_ANY_OF = "no_branch_fits"
_EXPECTED = "Input should be "


@dataclass(frozen=True, slots=True)
class _Fault:
    """One fault of the validator, with the steps that lead nowhere in what was sent set apart."""

    base: Steps
    """The way to the innermost value that has branches; all of it if there is none."""
    branch: Steps
    """Tag or branch of that value; empty if there is none."""
    rest: Steps
    code: str
    detail: str

    def as_problem(self, prefix: Steps) -> FieldProblem:
        pointer = json_pointer(*prefix, *self.base, *self.rest)
        return FieldProblem("body", pointer, self.code, self.detail)


def body_problems(
    errors: Iterable[Mapping[str, object]], sent: object, prefix: Steps = ()
) -> tuple[FieldProblem, ...]:
    """Tell faults in a body; `prefix` leads to the value that was validated.

    Where what was sent is not known, the validator's word for the place is taken.
    """
    by_base: dict[Steps, list[_Fault]] = {}
    for error in errors:
        fault = _read(error, sent)
        by_base.setdefault(fault.base, []).append(fault)
    problems = (fault.as_problem(prefix) for faults in by_base.values() for fault in _told(faults))
    return tuple(dict.fromkeys(problems))


def plain_message(message: str) -> str:
    """Give what a validator says without the name of the exception that said it."""
    return message.removeprefix("Value error, ").removeprefix("Assertion failed, ")


def _read(error: Mapping[str, object], sent: object) -> _Fault:
    location = error.get("loc")
    steps: Sequence[object] = location if isinstance(location, tuple) else ()
    code = str(error.get("type", ""))
    base: Steps = ()
    branch: Steps = ()
    rest: Steps = ()
    value: object = sent
    for number, step in enumerate(steps):
        if not isinstance(step, (str, int)):
            continue
        is_absent = code == "missing" and number == len(steps) - 1
        is_there, inner = _inner(value, step)
        if is_there or is_absent or sent is None:
            rest, value = (*rest, step), inner
        elif rest or not branch:
            base, branch, rest = (*base, *rest), (step,), ()
        else:
            branch = (*branch, step)
    if not branch:
        base, rest = rest, ()
    return _Fault(base, branch, rest, code, plain_message(str(error.get("msg", ""))))


def _inner(value: object, step: str | int) -> tuple[bool, object]:
    """Go one step into what was sent; tell whether there is anything."""
    if isinstance(value, dict) and step in value:
        return True, value[step]
    if isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
        return True, value[step]
    return False, None


def _told(faults: Sequence[_Fault]) -> Sequence[_Fault]:
    """Choose what to tell of faults of one value: of several branches, the one that was meant."""
    if len({fault.branch for fault in faults}) < 2:  # noqa: PLR2004 - one branch is no choice
        return faults
    deepest = max(faults, key=lambda fault: len(fault.rest))
    if deepest.rest:
        return [fault for fault in faults if fault.branch == deepest.branch]
    fitting = [fault for fault in faults if not fault.code.endswith("_type")]
    if fitting:
        return fitting[:1]
    wanted = dict.fromkeys(fault.detail.removeprefix(_EXPECTED) for fault in faults)
    return [_Fault(faults[0].base, (), (), _ANY_OF, _EXPECTED + " or ".join(wanted))]
