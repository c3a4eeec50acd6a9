"""Numbers that a suite declares of a case in extra_info.

A suite that knows nothing of bench may mean something else by a name that is read here, such as `flops` or
`items`: what is no number declares nothing.
"""

import math
from collections.abc import Mapping
from typing import Any


def number(facts: Mapping[str, Any], name: str) -> float:
    """The number of that name; NaN where there is none."""
    try:
        value = float(facts.get(name, math.nan))
    except (TypeError, ValueError, OverflowError):  # a list, a word, more than a float holds
        return math.nan
    return value if math.isfinite(value) else math.nan
