"""What a killed template, or a killed fork, costs: real processes."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.measure.start import adoption
from bench.measure.start.process import Spec, Worker, WorkerError
from bench.measure.start.templates import Templates
from bench.measure.worker.protocol import TimeBlock, VisitCase
from tests.measure.forked_suite import spec_of
from tests.waiting import PATIENCE_S, until

pytestmark = pytest.mark.skipif(not adoption.adopts(), reason="forks are for Linux")


@pytest.fixture
def forking(tmp_path: Path) -> Iterator[tuple[Templates, Spec]]:
    """One template that is ready to be forked."""
    made, spec = Templates(1, seed=1), spec_of(tmp_path)
    with Worker(spec) as first:
        made.learn([(first, first.collected(PATIENCE_S))], PATIENCE_S)
    yield made, spec
    made.close()


def ask(worker: Worker) -> None:
    """Lets the worker make a visit."""
    worker.ask(VisitCase("test_it.py::test_it"), PATIENCE_S)
    worker.ask(TimeBlock("wall", 1, 1.0), PATIENCE_S)


def test_a_killed_template_costs_one_fork_and_no_launch(forking: tuple[Templates, Spec]) -> None:
    made, spec = forking
    [(before, _)] = made.start_together(spec, [""], PATIENCE_S)
    with before:
        (template,) = made._templates[0]
        os.kill(template.process.pid, signal.SIGKILL)
        template.process.wait()
        [(after, _)] = made.start_together(spec, [""], PATIENCE_S)
        with after:
            assert (after.template, after.start_reason) == (None, "a template ended (SIGKILL)")
        ask(before)
    [(later, _)] = made.start_together(spec, [""], PATIENCE_S)
    with later:
        assert later.template == 0
        ask(later)


def test_a_killed_fork_is_known_to_be_dead(forking: tuple[Templates, Spec]) -> None:
    made, spec = forking
    [(worker, _)] = made.start_together(spec, [""], PATIENCE_S)
    with worker:
        os.kill(worker.process.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="killed"):
            worker.hear(PATIENCE_S)
    with pytest.raises(ProcessLookupError):
        os.kill(worker.process.pid, 0)
    [(other, _)] = made.start_together(spec, [""], PATIENCE_S)
    with other:
        assert other.template == 0


def test_a_fork_ends_in_good_order(forking: tuple[Templates, Spec]) -> None:
    made, spec = forking
    [(worker, _)] = made.start_together(spec, [""], PATIENCE_S)
    ask(worker)
    worker.end()
    assert worker.process.returncode in (0, -signal.SIGKILL)
    made.close()
    made.close()  # whoever ends a run may do so twice
    until(lambda: not made._templates, "templates are left")
