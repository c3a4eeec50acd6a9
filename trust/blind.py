"""A pytest plugin for workers on a system that tells less: no run-queue delay."""

import sys


def pytest_configure() -> None:
    for name in ("delays", "interference"):  # a worker hides our package under this name
        sys.modules[f"_bench.measure.host.{name}"].schedstat_works = lambda: False  # type: ignore[attr-defined]  # a module's own
