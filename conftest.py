"""Wiring: `pytest suites` finds the plugin even where the project is not installed."""

pytest_plugins = ["bench.measure.worker.plugin"]
