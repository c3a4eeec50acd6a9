"""Ratios of times as people read them: the one rule of all reasons, warnings, tables and pages."""

from bench.analyze.estimates.confidence import of_interval

DOUBLED = 2.0
"""Ratio from which a change is said as a factor: "+220 %" makes one reckon."""


def change(ratio: float) -> str:
    """A ratio as a change: "+5.2 %", "−30.0 %", and "3.2 ×" from twice on."""
    if round(ratio, 3) >= DOUBLED:
        return f"{float(f'{ratio:.2g}'):g} ×"
    rounded = round(100 * (ratio - 1), 1) + 0.0  # no negative zero
    return f"{rounded:+.1f} %".replace("-", "−")


def bounds(low: float, high: float) -> str:
    """Both ends of a ratio's interval as changes; "unsettled" where they lie further apart than they tell."""
    if of_interval(low, high) == "unsettled":
        return "unsettled"
    return f"{change(low)} to {change(high)}"
