"""The gate's own false-alarm and miss rates on this machine, from launches with known slowdowns."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bench.app import live, revisions
from bench.app.problems import UserError
from bench.events import Header

if TYPE_CHECKING:
    from bench.storage.tables import Run

FOLDER = "calibration"
"""Where recorded launches are kept, beside the runs; whole gates with nothing changed lie among these."""

SLOWDOWNS = (0.0, 0.05, 0.02, 0.1, 0.25)
"""What is injected, launch after launch: nothing, the default budget, and what is below and above it."""

BUSY = "import itertools\nfor _ in itertools.count(): pass"


def declare(parser: argparse.ArgumentParser) -> None:
    revisions.declare(parser)
    parser.add_argument(
        "--launches", type=int, default=25, metavar="N",
        help="launches to record now (default: %(default)s; 0: only evaluate); they add up over calls",
    )  # fmt: skip
    parser.add_argument(
        "--busy",
        type=int,
        default=0,
        metavar="N",
        help="record beside N processes that are busy all the time",
    )


def command(options: argparse.Namespace) -> int:
    """Records launches, then prints what is known of this machine; exit status 0, or 3 where a side fails."""
    from bench.analyze.gate.calibration import calibrate
    from bench.measure.sides.side import SideError
    from bench.render import calibration as rendered

    try:
        if options.launches:
            with busy(options.busy):
                _record(options)
    except SideError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    runs = recorded(options.out)
    if not runs:
        raise UserError(f"{options.out} holds no launches to evaluate; record some by --launches N")
    calibration = calibrate(runs)
    rendered.show(calibration)
    kept = options.out / FOLDER / rendered.FILE
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(rendered.document(calibration), "utf-8")
    kept.with_suffix(".md").write_text(rendered.markdown(calibration), "utf-8")
    return 0


def _record(options: argparse.Namespace) -> None:
    from bench.app.progress import shown
    from bench.measure.sides.lockstep import Lockstep

    options.out = options.out / FOLDER
    slowdowns = [SLOWDOWNS[launch % len(SLOWDOWNS)] for launch in range(options.launches)]
    with revisions.compared(options, "HEAD", None, null=True) as compared, shown() as progress:
        lockstep = Lockstep(compared.sides, progress, options.seed)
        entry = {"condition": "busy" if options.busy else live.condition(), "slowdowns": slowdowns}
        try:
            with live.begin(lockstep, compared, options, entry) as journal:
                for launch, slowdown in enumerate(slowdowns):
                    progress.move(round=launch + 1, rounds=len(slowdowns))
                    lockstep.measure_launch(launch, lockstep.cases, slowdown)
                journal.append(live.end(lockstep))
        finally:
            lockstep.close()
    options.out = options.out.parent


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keeps so many processes busy while the block runs."""
    hogs = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(count)]
    try:
        yield
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()


def recorded(out: Path) -> list["Run"]:
    """The runs in `out` that tell of the gate's errors, on the machine of the latest of them.

    These are launches with slowdowns, and whole gates with nothing changed.
    """
    from bench.storage.journal import header
    from bench.storage.store import StoreError, find_runs, read_run

    found: dict[Path, Header] = {}
    for folder in (out, out / FOLDER):
        with suppress(StoreError):  # there is none
            headers = {run: header(run) for run in find_runs(folder)}
            found |= {run: each for run, each in headers.items() if each.calibration}
    machines = {run: found[run].environment.get("machine_id") for run in sorted(found, key=_created(found))}
    return [read_run(run) for run, machine in machines.items() if machine == list(machines.values())[-1]]


def known(out: Path, machine: str) -> str:
    """What is known of the gate's false alarms on this machine, from the last evaluation; "" for nothing."""
    from bench.render.calibration import FILE

    try:
        found = json.loads((out / FOLDER / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(found["sentence"]) if found.get("machine") == machine else ""


def _created(headers: dict[Path, Header]) -> Callable[[Path], str]:
    return lambda run: headers[run].created
