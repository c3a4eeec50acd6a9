"""What is measured: the cases that a user asks for, as a worker is to collect them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.app import UserError
from bench.measure.drive.plan import COLLECT_TIMEOUT_S
from bench.measure.start.process import Spec, Worker, WorkerError
from bench.measure.worker.protocol import Collected

ROOT_MARKS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git")
"""What makes a folder a project's root, as pytest sees it: case names are relative to it."""


@dataclass(frozen=True)
class Selection:
    """What a user asks for: paths (none: the suites), pytest's -k, devices (none: all), a preset, and further
    arguments of pytest."""

    paths: Sequence[str] = ()
    keyword: str = ""
    devices: Sequence[str] = ()
    preset: str = "default"
    pytest_args: tuple[str, ...] = ()

    @property
    def spec(self) -> Spec:
        """What a worker is to collect. Raises UserError for a path that is not there."""
        chosen = spec(self.paths or default_paths(), self.keyword, self.devices, self.preset)
        return replace(chosen, arguments=self.pytest_args)

    @property
    def recorded(self) -> dict[str, Any]:
        """What decides which cases are measured, as a run's header keeps it."""
        asked = {"paths": self.paths, "k": self.keyword, "devices": self.devices, "preset": self.preset}
        return asked | ({"pytest_args": list(self.pytest_args)} if self.pytest_args else {})


def default_paths() -> list[str]:
    """The suites in the working directory, else those that lie beside this package."""
    for folder in (Path("suites"), Path(__file__).resolve().parents[2] / "suites"):
        if folder.is_dir():
            return [str(folder)]
    raise UserError("no folder suites/ here; expected one, or paths: bench run PATH ...")


def spec(paths: Sequence[str], keyword: str, devices: Sequence[str], preset: str) -> Spec:
    """What a worker is to collect. Raises UserError for a path that is not there."""
    named = [Path(path.partition("::")[0]) for path in paths]
    for path in named:
        if not path.exists():
            expected = "expected a file or folder of benchmarks; see `bench list`"
            raise UserError(f"{path} does not exist; {expected}")
    environment = {"BENCH_PRESET": preset}
    if devices:
        environment["BENCH_DEVICES"] = ",".join(dict.fromkeys(devices))
    tests = ("".join(path.partition("::")[1:]) for path in paths)
    absolute = tuple(f"{file.resolve()}{test}" for file, test in zip(named, tests, strict=True))
    return Spec(absolute, keyword, directory=Path.cwd(), rootdir=root_of(named), environment=environment)


def root_of(paths: Sequence[Path]) -> Path:
    """The root of the project that the paths belong to; case names do not depend on the working directory."""
    common = Path(os.path.commonpath([path.resolve() for path in paths]))
    folder = common if common.is_dir() else common.parent
    for candidate in (folder, *folder.parents):
        if any((candidate / mark).exists() for mark in ROOT_MARKS):
            return candidate
    return folder


def why_nothing(facts: Mapping[str, Any]) -> str:
    """What a worker says of files that it was kept from collecting; "" where there are none."""
    names = facts.get("left_aside", [])
    by = "the project's own settings, such as collect_ignore in a conftest.py"
    return f"; {', '.join(names)} {'is' if len(names) == 1 else 'are'} left aside by {by}" if names else ""


def collected(spec: Spec) -> Collected:
    """The `cases` and `problems` that a worker finds. Raises UserError where it cannot collect at all."""
    with Worker(spec) as worker:
        try:
            return worker.collected(COLLECT_TIMEOUT_S)
        except WorkerError as error:
            raise UserError(str(error)) from None
