"""Numbers for people: the only place with engineering prefixes, and with as many digits as are known."""

import math

from bench.analyze.estimates.confidence import of_interval
from bench.analyze.names import THIN, count

PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T", 15: "P"}

DIGITS = 3
"""Digits of a number whose uncertainty is not known."""

MIN_DIGITS, MAX_DIGITS = 2, 7
"""Digits of the widest interval, and of the narrowest: a clock has no more."""


def quantity(value: float | None, unit: str = "", digits: int = DIGITS) -> str:
    """The value with its prefix and unit: `quantity(1.624e-4, "s")` is "162 µs"; "–" for none."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return f"0{THIN}{unit}".rstrip(THIN)
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    engineering = min(max(exponent // 3 * 3, min(PREFIXES)), max(PREFIXES))
    decimals = max(digits - 1 - (exponent - engineering), 0)
    scaled = round(value / 10**engineering, digits - 1 - (exponent - engineering))
    return f"{scaled:.{decimals}f}{THIN}{PREFIXES[engineering]}{unit}".rstrip(THIN)


def known_digits(value: float, low: float, high: float) -> int:
    """Digits that an interval supports: the distance to its nearer end may touch the last one, so that two
    values whose intervals lie apart never look alike. At least MIN_DIGITS: 13.5 and 9.7 are not both 10.
    """
    half = min(high - value, value - low)
    if not math.isfinite(half) or value <= 0:
        return MIN_DIGITS
    if half <= 0:
        return DIGITS + 1
    digits = math.floor(math.log10(value)) - math.floor(math.log10(half)) + 1
    return min(max(digits, MIN_DIGITS), MAX_DIGITS)


def estimate(value: float, low: float, high: float) -> str:
    """Seconds in the digits that their interval supports."""
    return quantity(value, "s", known_digits(value, low, high))


def half_width(low: float, high: float) -> str:
    """An interval as "±1.2 %" of its centre (in logarithms); "unsettled" beyond a factor of two."""
    if not (math.isfinite(low) and math.isfinite(high)) or low <= 0:
        return "–"
    if of_interval(low, high) == "unsettled":
        return "unsettled"
    half = math.expm1(math.log(high / low) / 2) * 100
    return f"±{float(f'{half:.2g}'):g}{THIN}%"


def interval(value: float, low: float, high: float) -> str:
    """Seconds with their interval: "162.4 µs (95 %: 161.9 µs to 163 µs)"; in words where that is too wide."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"about {quantity(value, 's', 1)} (no interval)"
    if of_interval(low, high) == "unsettled":
        return f"about {quantity(value, 's', 1)} (unsettled: not known within a factor of two)"
    middle, lower, upper = (quantity(each, "s", 4) for each in (value, low, high))
    return f"{middle} (95 %: {lower} to {upper})"


def times(ratio: float, low: float, high: float) -> str:
    """How many times as fast, with its interval: "34 × (18–65)"; where that is too wide to quote a middle,
    "between 4.2 and 19 ×".
    """
    if of_interval(low, high) == "unsettled":
        return f"between {near(low, low, high)} and {near(high, low, high)}{THIN}×"
    ends = "–".join(dict.fromkeys(near(each, low, high) for each in (low, high)))
    return f"{near(ratio, low, high)}{THIN}× ({ends})"


def near(value: float, low: float, high: float) -> str:
    """A number that lies in an interval, or at an end of it: rounded by less than a quarter of the way to the
    interval's nearer end, and in two digits at least."""
    middle = math.sqrt(low * high) if low > 0 else value
    digits = known_digits(middle, (middle + low) / 2, (middle + high) / 2)
    shift = math.floor(math.log10(value)) - math.floor(math.log10(middle)) if middle > 0 < value else 0
    return _plain(value, max(digits + shift, MIN_DIGITS))


def _plain(value: float, digits: int) -> str:
    """So many significant digits, without an exponent; a whole number in groups of three digits."""
    rounded = float(f"{value:.{digits - 1}e}")
    if abs(rounded) >= 10_000:
        return count(rounded)
    decimals = max(digits - 1 - math.floor(math.log10(abs(rounded))), 0) if rounded else 0
    return f"{rounded:.{decimals}f}"


def percent(share: float | None) -> str:
    """A share of one as "37 %", with a digit more below ten."""
    if share is None or not math.isfinite(share):
        return "–"
    return f"{100 * share:.{0 if share >= 0.0995 or share == 0 else 1}f}{THIN}%"


def sortable(value: float) -> float | None:
    """A number to sort or draw by: four digits are enough; None where it is not known."""
    return float(f"{value:.4g}") if math.isfinite(value) else None
