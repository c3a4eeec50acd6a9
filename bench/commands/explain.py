"""Say what differs between two sides of a case: settings, types, operators, bytes; most telling first.

BASE and HEAD are revisions, `.` for the working tree as it is, or folders of runs that hold a profile of the
case. What is not profiled yet is checked out apart and profiled there.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.app.problems import UserError
from bench.commands import profile

if TYPE_CHECKING:
    from bench.measure.drive.process import Spec
    from bench.measure.sides.side import Side

WORKING_TREE = "."

FOLDER = "explain"
"""Where a gate's run keeps the profiles of its slower cases, a folder a side."""

MAX_EXPLAINED = 3
"""Slower cases that a gate explains: one cause slows many, and each takes half a minute."""


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("base", metavar="BASE", help="a revision, `.`, or the folder of a run")
    parser.add_argument("head", metavar="HEAD", help="the same")
    parser.add_argument("case", metavar="CASE", help="the case, as `bench list` names it")
    parser.add_argument("--suites", metavar="PATH", help="profile these benchmarks on both sides")
    parser.add_argument("--out", type=Path, default=Path("reports"), metavar="DIR",
                        help="where new profiles are put (default: %(default)s)")  # fmt: skip


def command(options: argparse.Namespace) -> int:
    """Exit status 0, whatever differs; 2 where there is no such case, revision or profile."""
    from bench.measure.sides.side import SideError
    from bench.storage.store import StoreError, new_run_folder

    try:
        base, head = (_stored(side, options.case) for side in (options.base, options.head))
        if base is None or head is None:
            folder = new_run_folder(options.out, "explain", "")
            base = base or _profiled(options.base, options, folder / "base")
            head = head or _profiled(options.head, options, folder / "head")
        for line in lines(base, head):
            print(line)
        print(f"profiles: {base} {head}")
    except (StoreError, SideError) as error:
        raise UserError(str(error)) from None
    return 0


def lines(base: Path, head: Path) -> list[str]:
    """What differs between the profiles in two folders, most telling first. Raises StoreError for none there.

    The folders are those of a case, `profiles/CASE` in a run's folder, as `case_profile` makes them.
    """
    from bench.analyze.profiles.differences import differences
    from bench.render import explanation
    from bench.storage import profiles

    return explanation.lines(differences(profiles.read(base), profiles.read(head)))


def case_profile(spec: "Spec", case: str, folder: Path) -> Path:
    """Profiles one case of what a worker collects into a run's folder; the folder of its profile.

    Raises UserError where there is no such case, or it cannot be profiled.
    """
    (found,) = profile.write(folder, spec, profile.chosen(spec, [case])[:1])
    if found is None:
        raise UserError(f"{case} could not be profiled; see above")
    return found


def slower(gate: Path, sides: "Sequence[Side]") -> Iterator[tuple[str, Sequence[str]]]:
    """What differs between a gate's sides in the cases that got slower, the worst first: case and lines.

    `gate` is the folder that the gate was recorded in; the profiles are put there. A case that cannot be
    profiled says so.
    """
    from bench.analyze.analyzed import AnalyzedRun
    from bench.analyze.gate.decision import replay
    from bench.render.verdicts.words import ordered
    from bench.storage.store import StoreError, read_run

    decision = replay(AnalyzedRun(read_run(gate)))
    before = {new: old for old, new in decision.sides.renamed.items()}
    for verdict in ordered(decision, "slower")[:MAX_EXPLAINED]:
        names = before.get(verdict.case, verdict.case), verdict.case
        try:
            base, head = (
                case_profile(side.spec, name, gate / FOLDER / side.name)
                for side, name in zip(sides, names, strict=True)
            )
            found = [*lines(base, head), f"profiles: {base.relative_to(gate)} {head.relative_to(gate)}"]
        except (UserError, StoreError) as error:
            found = [f"not explained: {error}"]
        yield verdict.case, found


def _stored(side: str, case: str) -> Path | None:
    """The folder of a case's profile in a stored run; None where `side` is no folder, or the working tree."""
    from bench.storage import profiles

    if side == WORKING_TREE or not Path(side).is_dir():
        return None
    if found := profiles.of_case(Path(side), case):
        return found
    held = ", ".join(profiles.read(each).case for each in profiles.found(Path(side))) or "none"
    raise UserError(
        f"{side} holds no profile of {case}; profiled there: {held}; make one with `bench profile --run`"
    )


def _profiled(side: str, options: argparse.Namespace, folder: Path) -> Path:
    """Profiles the case on one side, in a checkout of its own; the folder of its profile."""
    from bench.app import revisions

    asked = argparse.Namespace(
        paths=[] if options.suites else profile.paths_of([options.case]),
        keyword="",
        device=[],
        preset=profile.PRESET,
        suites=options.suites,
        base_python=None,
        head_python=None,
    )
    tree = side == WORKING_TREE
    with revisions.compared(asked, "HEAD" if tree else side, None if tree else side, null=False) as compared:
        return case_profile(compared.sides[1].spec, options.case, folder)
