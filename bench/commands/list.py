"""The cases that `bench run` would measure with the same arguments, untimed."""

import argparse

from bench.app import selection
from bench.app.problems import UserError


def declare(parser: argparse.ArgumentParser) -> None:
    selection.declare(parser)


def command(options: argparse.Namespace) -> int:
    """Prints one case a line; exit status 2 where there is none."""
    from bench.measure.drive.plan import COLLECT_TIMEOUT_S
    from bench.measure.drive.process import Worker, WorkerError

    spec = selection.spec(
        options.paths or selection.default_paths(), options.keyword, options.device, options.preset
    )
    with Worker(spec) as worker:
        try:
            collected = worker.collected(COLLECT_TIMEOUT_S)
        except WorkerError as error:
            raise UserError(str(error)) from None
    for case in collected.cases:
        print(case.id)
    for problem in collected.problems:
        print(f"{problem.id}: {problem.outcome}: {problem.message.strip().splitlines()[-1]}")
    if not collected.cases:
        raise UserError("no benchmark matches; expected tests that use the `benchmark` fixture")
    return 0
