"""How often the gate errs on this machine: launches with known slowdowns recorded, and what they show."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.gate.calibration import Calibration, calibrate
from bench.app import UserError, recording
from bench.app.sides import live, revisions
from bench.events import Header
from bench.measure.sides.lockstep import Lockstep
from bench.render import calibration as rendered
from bench.storage.journal import StoreError, header
from bench.storage.store import each_run, read_run
from bench.storage.tables import Run

FOLDER = "calibration"
"""Where recorded launches are kept, beside the runs; whole gates with nothing changed lie among these."""

SLOWDOWNS = (0.0, 0.05, 0.02, 0.1, 0.25)
"""What is injected, launch after launch: nothing, the default budget, and what is below and above it."""

SPINNER = """
import ctypes, os, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, 9)  # <linux/prctl.h>: end with whoever started it, even while stopped
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(10**6):
        pass
"""
"""A program that keeps a processor busy until the one that started it ends."""


@contextmanager
def competing(
    count: int, program: Sequence[str] = ("-S", "-c", SPINNER), folder: Path | None = None
) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Runs so many processes of Python beside the block, in `folder`; they are killed at its end."""
    processes = [subprocess.Popen([sys.executable, *program], cwd=folder) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def record(request: revisions.SidesRequest, launches: int, competitors: int) -> None:
    """Records launches with slowdowns, beside so many competing processes. Raises UserError, SideError."""
    slowdowns = [SLOWDOWNS[launch % len(SLOWDOWNS)] for launch in range(launches)]
    with (
        competing(competitors),
        revisions.compared(request, "HEAD", None, null=True) as compared,
        recording.progress() as progress,
    ):
        lockstep = Lockstep(compared.sides, progress, request.seed)
        condition = "busy" if competitors else live.condition()

        def launch_all(_: Path) -> None:
            for launch, slowdown in enumerate(slowdowns):
                progress.move(round=launch + 1, rounds=len(slowdowns))
                lockstep.measure_launch(launch, lockstep.cases, slowdown)

        entry = {"condition": condition, "slowdowns": slowdowns}
        try:
            with live.measured(lockstep, compared, request, launch_all, calibration=entry):
                pass
        finally:
            lockstep.close()


def evaluate(out: Path) -> Calibration:
    """What all recorded launches show, written beside them. Raises UserError where there are none."""
    runs = recorded(out)
    if not runs:
        raise UserError(f"{out} holds no launches to evaluate; record some by --launches N")
    calibration = calibrate(map(AnalyzedRun, runs))
    file = out / FOLDER / rendered.FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(rendered.document(calibration), "utf-8")
        file.with_suffix(".md").write_text(rendered.markdown(calibration), "utf-8")
    except OSError as error:
        raise UserError(f"{file} cannot be written ({error.strerror}); choose another --out") from None
    return calibration


def recorded(out: Path) -> list[Run]:
    """The runs in `out` that tell of the gate's errors, on the machine of the latest of them.

    These are launches with slowdowns, and whole gates with nothing changed. One that is damaged is named in a
    warning, and left out.
    """
    headers: dict[Path, Header] = {}
    for folder in (out, out / FOLDER):
        with suppress(StoreError):  # there is none
            found, _ = each_run([folder], lambda run: (run, header(run)))
            headers |= {run: each for run, each in found if each.calibration}
    by_time = sorted(headers, key=lambda run: headers[run].created)
    machines = [headers[run].environment.get("machine_id") for run in by_time]
    of_latest = [run for run, machine in zip(by_time, machines, strict=True) if machine == machines[-1]]
    runs = list[Run]()
    for run in of_latest:
        try:
            runs.append(read_run(run))
        except StoreError as error:
            print(f"bench: warning: left out: {error}", file=sys.stderr)
    return runs


def known_false_alarms(out: Path, machine: str) -> str:
    """The sentence on this machine's false alarms from the last evaluation; "" where there was none."""
    try:
        document = json.loads((out / FOLDER / rendered.FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return ""
    return str(document["sentence"]) if document.get("machine") == machine else ""
