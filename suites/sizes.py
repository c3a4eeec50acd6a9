"""The sizes that the suites step through: spaced evenly in logarithms, two an octave."""


def half_octaves(first: int, last: int) -> list[int]:
    """Powers of two and the numbers halfway between them (16, 24, 32, 48, ...), from `first` to `last`.

    Rounder than steps of the square root of two, so that matrix kernels get multiples they like.
    """
    powers = [2**exponent for exponent in range(last.bit_length())]
    sizes = {*powers, *(power * 3 // 2 for power in powers)}
    return sorted(size for size in sizes if first <= size <= last)
