"""The verdict on a change: base and head measured side by side, and judged with known error rates."""

import argparse
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench.app import live, revisions
from bench.app.problems import UserError
from bench.commands import explain, report
from bench.events import Explained
from bench.storage.journal import JOURNAL

if TYPE_CHECKING:
    from bench.measure.drive.plan import Progress
    from bench.measure.sides.lockstep import Lockstep
    from bench.render.verdicts import Account


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", metavar="REV|RUN", help="compare with where the branch left this revision")
    parser.add_argument("--head", metavar="REV|RUN", help="the changed side (default: the working tree)")
    parser.add_argument("--null", action="store_true", help="compare base with a copy of itself")
    parser.add_argument("--replay", type=Path, metavar="RUN", help="judge a recorded gate again")
    parser.add_argument("--explain", action="store_true",
                        help="profile both sides of what got slower, and say what differs")  # fmt: skip
    revisions.declare(parser)
    for form, what in (("markdown", "for a pull request"), ("junit", "JUnit XML"), ("json", "JSON")):
        parser.add_argument(f"--{form}", type=Path, metavar="FILE", help=f"also write the verdict as {what}")


def command(options: argparse.Namespace) -> int:
    """Exit status 0 pass; 1 slower or over budget; 3 a side failed; 4 contaminated or undecided."""
    from bench.measure.sides.side import SideError
    from bench.storage.store import StoreError

    stored = options.replay or (options.base and (Path(options.base) / JOURNAL).is_file())
    if options.explain and stored:
        raise UserError(
            f"--explain profiles both sides, and {stored} is a recorded run; expected --base REV, or use "
            "`bench explain RUN RUN CASE` where both runs hold profiles"
        )
    try:
        if options.replay:
            return _tell(_judged(options.replay), options)
        if options.base and (Path(options.base) / JOURNAL).is_file():
            return _tell(_stored(Path(options.base), options.head), options)
        folder = _measured(options)
        status = _tell(_judged(folder), options)
    except SideError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 3
    except StoreError as error:
        raise UserError(str(error)) from None
    print(report.write(folder)[0])
    return status


def _judged(folder: Path) -> "Account":
    """The account of the recorded gate in `folder`."""
    from bench.analyze.gate.decision import replay
    from bench.commands.calibrate import known
    from bench.render.verdicts import account
    from bench.storage.store import read_run

    run = read_run(folder)
    if not run.header.gate:
        raise UserError(f"{folder} is no gate's run; expected one that `bench gate` recorded")
    return account(run, replay(run), known(folder.parent, run.machine))


def _stored(base: Path, head: str | None) -> "Account":
    """The account of two stored runs, which tell less than a gate."""
    from bench.commands.compare import compared

    if head is None or not (Path(head) / JOURNAL).is_file():
        raise UserError(f"--base {base} is a stored run; expected --head RUN to be one, too, seen {head}")
    return compared(base, Path(head))


def _tell(told: "Account", options: argparse.Namespace) -> int:
    """Tells the verdict in every form that is asked for; the exit status."""
    from bench.render.verdicts import FORMS, github, terminal

    terminal.show(told)
    for form, render in FORMS.items():
        if file := getattr(options, form):
            _write(file, render(told))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        _write(Path(summary), FORMS["markdown"](told), append=True)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        print(*github.annotations(told), sep="\n")
    return told.decision.exit_status


def _write(file: Path, text: str, append: bool = False) -> None:
    try:
        with file.open("a" if append else "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise UserError(
            f"{file} cannot be written ({error.strerror}); the run is kept: --replay it"
        ) from None


def _measured(options: argparse.Namespace) -> Path:
    """The folder of a new run of both sides."""
    from bench.app.progress import shown
    from bench.measure.sides.lockstep import Lockstep

    if not options.base:
        raise UserError(
            "nothing to compare with; expected --base REV, such as --base origin/main, or --replay RUN"
        )
    with (
        revisions.compared(options, options.base, options.head, options.null) as compared,
        shown() as progress,
    ):
        # A gate with nothing changed also tells how often gates err here.
        entry = {"condition": live.condition(), "slowdowns": []} if options.null else None
        alike = options.base_python == options.head_python
        ceilings = any(budget.min_ceiling_share is not None for budget in compared.settings.budgets)
        lockstep = Lockstep(compared.sides, progress, options.seed, with_controls=alike, ceilings=ceilings)
        try:
            with live.begin(lockstep, compared, options, entry) as journal:
                _launches(lockstep, journal.folder, progress)
                end = live.end(lockstep)
                if options.explain:
                    for case, told in explain.slower(journal.folder, compared.sides):
                        journal.append(Explained(case, tuple(told)))
                journal.append(end)
        except KeyboardInterrupt:
            print("bench: interrupted; nothing is judged, what was measured is kept", file=sys.stderr)
            raise
        finally:
            lockstep.close()
    return journal.folder


def _launches(lockstep: "Lockstep", folder: Path, progress: "Progress") -> None:
    """Launches until the decision on what was recorded wants no more."""
    from bench.analyze.gate.decision import CHECKPOINTS, replay
    from bench.storage.store import read_run

    wanted = dict.fromkeys(lockstep.cases, CHECKPOINTS[0])
    number, latest_s = 0, math.inf
    while wanted:
        rounds = number + max(wanted.values())
        while number < rounds:
            begun_s = lockstep.elapsed_s
            progress.move(round=number + 1, rounds=rounds, left_s=(rounds - number) * latest_s)
            lockstep.measure_launch(number, wanted)
            number, latest_s = number + 1, lockstep.elapsed_s - begun_s
        open_cases = lockstep.cases
        wanted = {
            case: lacking for case, lacking in replay(read_run(folder)).wanted.items() if case in open_cases
        }
