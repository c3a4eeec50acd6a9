"""Device crossovers across machines: the processor of one run against the accelerator of another."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from bench.analyze.analyzed import AnalyzedRun
from bench.analyze.contests.contests import Choice, Contest, choices
from bench.storage.tables import Run


@dataclass(frozen=True)
class Across:
    """A contest whose incumbent and challenger were timed on two machines, and which runs those are.

    Its circumstances name both machines, so that nobody takes it for a contest on one.
    """

    choice: Choice
    processor: int
    accelerator: int

    @property
    def contest(self) -> Contest:
        return self.choice.contests[0]


def across(runs: Sequence[AnalyzedRun]) -> Iterator[Across]:
    """Every run without an accelerator against every run with one, on another machine."""
    for i, left in enumerate(runs):
        for j, right in enumerate(runs):
            accelerated = ((left.cases["device"] != "cpu") & (left.cases["blocks"] > 0)).any()
            if accelerated or left.run.machine == right.run.machine:
                continue
            joined, blocks = _joined(left, right)
            for choice in choices(joined, blocks) if len(blocks) else ():
                for contest in choice.contests:
                    if {contest.crossing.incumbent, contest.crossing.challenger} > {"cpu"}:
                        yield Across(_marked(choice, contest, left.run.machine, right.run.machine), i, j)


def _joined(left: AnalyzedRun, right: AnalyzedRun) -> tuple[Run, pd.DataFrame]:
    """One run with the left's cases on the processor and the right's on accelerators, of device contests."""
    cases, blocks = [], []
    # Contenders that share a launch are paired in it, so each machine gets launches of its own.
    launches = left.blocks["launch"].max() + 1
    for each, on_processor, offset in ((left, True, 0), (right, False, launches)):
        chosen = each.run.cases
        chosen = chosen[(chosen["between"] == "device") & ((chosen["device"] == "cpu") == on_processor)]
        cases.append(chosen)
        timed = each.blocks[each.blocks["case"].isin(chosen["case"])]
        blocks.append(timed.assign(launch=timed["launch"] + offset))
    together = pd.concat([each.astype({"case": "str", "side": "str"}) for each in blocks], ignore_index=True)
    together = together.astype({"case": "category", "side": "category", "kind": "category"})
    run = replace(right.run, cases=pd.concat(cases, ignore_index=True), blocks=together)
    return run, together


def _marked(choice: Choice, contest: Contest, processor: str, accelerator: str) -> Choice:
    """One contest of a choice as a choice of its own, that names both machines."""
    crossing = contest.crossing
    device = crossing.challenger if crossing.incumbent == "cpu" else crossing.incumbent
    fixed = {**crossing.fixed, "cpu on": processor, f"{device} on": accelerator}
    marked = replace(contest, crossing=replace(crossing, fixed=fixed))
    return replace(choice, contenders=("cpu", device), fixed=fixed, contests=(marked,))
