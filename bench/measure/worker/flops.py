"""The floating-point operations of a call, counted by torch: what a case declares is checked against them."""

import sys

from bench.measure.devices import Run


def counted(run: Run) -> int | None:
    """What `FlopCounterMode` counts in one call; None where torch is not there or cannot say.

    It knows products, convolutions and attention; of elementwise work, or outside torch, it counts nothing.
    """
    if "torch" not in sys.modules:
        return None
    from torch.utils.flop_counter import FlopCounterMode

    try:
        with FlopCounterMode(display=False) as counter:
            run(1)
    except (RuntimeError, NotImplementedError, TypeError, AssertionError):  # what refuses to be looked at
        return None
    return int(counter.get_total_flops()) or None
