"""How a new run is recorded: its folder, its header, what the machine is like, and what GPUs do meanwhile."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.events import Event, Header, Note

if TYPE_CHECKING:
    from bench.storage.store import Journal

Facts = Mapping[str, Any]


def begin(
    out: Path,
    arguments: Facts,
    facts: Facts,
    accelerators: Sequence[dict[str, Any]],
    commit: Facts,
    gate: Facts | None = None,
    calibration: Facts | None = None,
) -> "Journal":
    """The journal of a new run in `out`, with its header and what was seen of the machine written.

    `facts` are what a worker said of itself and of torch, `accelerators` what they said of themselves;
    `gate` and `calibration` are the header's entries of such runs. Raises StoreError where the folder cannot
    be written.
    """
    from datetime import UTC, datetime

    from bench.measure.host import environment
    from bench.storage.store import Journal, new_run_folder

    machine = environment.environment(accelerators) | {
        "torch": facts.get("torch", {}),
        "worker_nice": facts.get("nice", 0),
    }
    folder = new_run_folder(out, str(machine.get("host", "")), str(commit.get("id", ""))[:10])
    header = Header(
        run=folder.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        arguments=arguments,
        environment=machine,
        commit=commit,
        gate=gate or {},
        calibration=calibration or {},
    )
    journal = Journal.create(folder, header)
    for note in remarks(facts):
        journal.append(note)
    return journal


def remarks(facts: Facts) -> Iterator[Note]:
    """What makes numbers untrustworthy on this machine, as `bench doctor` says it, as events of a journal.

    A serious finding is a warning. `facts` are what a worker said of torch.
    """
    from bench.measure.host.doctor import findings

    for finding in findings(torch=facts.get("torch")):
        yield Note("warning" if finding.serious else "info", str(finding), finding.name)


@contextmanager
def watched(
    journal: "Journal", accelerators: Sequence[Mapping[str, Any]]
) -> Iterator[Callable[[Event], None]]:
    """What records an event, with the samples taken of the run's GPUs by then: whether a block is clean
    depends on them. Where they cannot be sampled, a note says why.
    """
    from bench.measure.host.gpu_monitor import GpuMonitor

    with GpuMonitor(uuids(accelerators)) as gpus:
        if gpus.note:
            journal.append(Note("warning", gpus.note))

        def record(event: Event) -> None:
            for each in (event, *gpus.samples()):
                journal.append(each)

        yield record
    for sample in gpus.samples():
        journal.append(sample)


def uuids(accelerators: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The names of accelerators by their UUID, of those that have one."""
    return {str(each["uuid"]): str(each["device"]) for each in accelerators if "uuid" in each}
