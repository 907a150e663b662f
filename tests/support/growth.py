"""Whether work grows with its input in proportion, told apart from a machine that is busy.

A clock alone decides nothing here: what is too slow once is done again, and only what is too slow
every time is called so. A square stays a square however often it is measured.
"""

import gc
from collections.abc import Callable
from math import sqrt
from time import thread_time

_TRIES = 5
_TOO_SHORT_TO_MEASURE_S = 0.02


def grows_in_proportion(work: Callable[[int], object], few: int, times: int = 8) -> bool:
    """Tell whether many times the input costs about as many times the processor's time.

    The border lies half way, on a scale of powers, between a line and a square.
    """
    return any(_is_below_border(work, few, times) for _ in range(_TRIES))


def _is_below_border(work: Callable[[int], object], few: int, times: int) -> bool:
    border = times * sqrt(times) * max(_cost_s(work, few), _TOO_SHORT_TO_MEASURE_S)
    return _cost_s(work, few * times) < border


def _cost_s(work: Callable[[int], object], length: int) -> float:
    # A collection of garbage costs what the rest of the process holds, not what the work does.
    gc.disable()
    try:
        began = thread_time()
        work(length)
        return thread_time() - began
    finally:
        gc.enable()
