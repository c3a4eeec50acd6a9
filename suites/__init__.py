"""What is timed: the operations that every PyTorch course teaches, in the course's order.

Each `test_*.py` is a suite of ordinary pytest-benchmark functions; `pytest suites` runs them as such.
The first line of a function's docstring says in plain words what is timed. Work per call is declared
in `benchmark.extra_info`: `flops`, `bytes` (read plus written, unless `bytes_counted` says otherwise)
and `items`. All data is random, results are checked once outside the timing.
"""
