"""What is measured: the cases that a user asks for, as a worker is to collect them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.app import UserError
from bench.app.suggestions import case_meant, did_you_mean, keyword_meant
from bench.measure.drive import left_out
from bench.measure.drive.plan import COLLECT_TIMEOUT_S
from bench.measure.start.process import Spec, Worker, WorkerError
from bench.measure.worker.protocol import Collected

ROOT_MARKS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg", ".git")
"""What makes a folder a project's root, as pytest sees it: case names are relative to it."""


NOT_FOUND = "not found: "
"""What pytest says of a test that is named and not there."""


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
            there = path.parent.iterdir() if path.parent.is_dir() else []
            beside = [each.name for each in there if each.is_dir() or "test" in each.stem]
            meant = did_you_mean(path.name, beside) or "; see `bench list`"
            raise UserError(f"{path} does not exist; expected a file or folder of benchmarks{meant}")
        if path.resolve() == Path(path.resolve().anchor):
            raise UserError(f"{path} is the whole disk; expected a file or folder of benchmarks")
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
    try:
        return _asked(spec)
    except WorkerError as error:
        raise refused(spec, error) from None


def _asked(spec: Spec) -> Collected:
    with Worker(spec) as worker:
        return worker.collected(COLLECT_TIMEOUT_S)


def refused(spec: Spec, error: WorkerError) -> UserError:
    """What to tell of a worker that could not collect: of a test that is not there, those near it."""
    tests = [path for path in spec.paths if "::" in path]
    if NOT_FOUND not in str(error) or not tests:
        return UserError(str(error))
    try:
        there = _asked(replace(spec, paths=tuple(path.partition("::")[0] for path in tests), keyword=""))
    except WorkerError:
        return UserError(str(error))
    file, _, test = tests[0].partition("::")
    meant = case_meant(test, [case.id.partition("::")[2] for case in there.cases])
    return UserError(f"{os.path.relpath(file)} has no benchmark {test}{meant or '; see `bench list`'}")


def none_matches(selection: Selection, found: Collected) -> UserError:
    """What to tell where nothing was collected; of what -k left out, that which is near it."""
    what = f" that match -k {selection.keyword!r}" if selection.keyword else ""
    meant = keyword_meant(selection.keyword, found.left_out) or (
        "; see `bench list`" if what else "; expected tests that use the `benchmark` fixture"
    )
    broken = next((each for each in found.problems if each.outcome == "failed"), None)
    if broken and not found.left_out:
        return UserError(f"{broken.id} could not be collected: {broken.last_line}")
    why = "" if found.left_out else why_nothing(found.facts)  # else it is -k that leaves them out
    where = f"{' '.join(selection.paths) or 'suites/'}{why}"
    if remark := left_out.dropped(found.facts):
        return UserError(f"no benchmarks{what} in {where}; {remark.text}")
    return UserError(f"no benchmarks{what} in {where}{meant}")
