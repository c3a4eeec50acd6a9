"""Calls that do nothing: what is left is what a harness costs. `timeit` reads the same call beside it."""

import timeit

import pytest


def nothing(*_args, **_kwargs):
    pass


def bare():
    pass


def timeit_s(statement, **names):
    """What `python -m timeit` would say: the best of five, of loops of 0.02 s or more."""
    timer = timeit.Timer(statement, globals=names)
    number, _ = timer.autorange()
    number = max(1, number // 10)
    return min(timer.repeat(5, number)) / number


def test_bare(benchmark):
    benchmark.extra_info["timeit_s"] = timeit_s("bare()", bare=bare)
    benchmark(bare)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_arguments(benchmark, count):
    args = tuple(range(count))
    names = {"nothing": nothing, "a": 0, "b": 1, "c": 2}
    benchmark.extra_info["timeit_s"] = timeit_s(f"nothing({', '.join('abc'[:count])})", **names)
    benchmark(nothing, *args)


def test_keywords(benchmark):
    benchmark.extra_info["timeit_s"] = timeit_s("nothing(a, b=b)", nothing=nothing, a=0, b=1)
    benchmark(nothing, 0, b=1)
