"""The 95 % interval of a centre from few launches: Student's t on logarithms.

A percentile bootstrap over 3 launches covers 75 % where 95 % is said; times are skewed to the right, and
their logarithms much less so.
"""

from typing import Any

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


def half_width(deviation: Any, count: Any, confidence: float = CONFIDENCE) -> Any:
    """Half the t-interval of a mean, given the sample's standard deviation and size; NaN below two.

    Takes numbers or arrays of one shape.
    """
    count = np.asarray(count, dtype=float)
    freedom = np.where(count > 1, count - 1, np.nan)
    return stats.t.ppf((1 + confidence) / 2, freedom) * np.asarray(deviation) / np.sqrt(count)
