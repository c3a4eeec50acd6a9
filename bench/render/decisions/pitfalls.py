"""What is slow, in words: what was seen, why it is so, and what to do."""

from collections.abc import Mapping
from dataclasses import dataclass

from bench.analyze.names import contender, words
from bench.analyze.pitfalls import Pitfall, Rule
from bench.render.units import percent, quantity, times


@dataclass(frozen=True)
class Told:
    """A pitfall in three sentences, and the cases that it rests on."""

    seen: str
    cause: str
    advice: str
    cases: tuple[str, ...]


SEEN: Mapping[Rule, str] = {
    "dtype": "{operation} in {subject} on the {device} takes {factor} as long as in float32.",
    "tensors": "A DataLoader over tensors that are ready takes {factor} as long as slices of them.",
    "first_batch": "With {workers} the first batch of an epoch takes {seconds}, {factor} as long as without.",
    "first_call": "The first call of {case} takes {seconds}, {factor} as long as later ones.",
    "cold": "{case} takes {factor} as long on data that is not in the {device}'s cache.",
    "waits": "The {device} works for {share} of {case}.",
}
"""What was seen, by rule."""

CAUSE: Mapping[Rule, str] = {
    "dtype": "This {device} has few units for {subject}, or none: numbers are converted, or go one by one.",
    "tensors": "It fetches one item after another in Python and stacks them into a batch again.",
    "first_batch": "Every worker is a process that has to start, and an epoch starts them anew.",
    "first_call": "What is made once is made then: code is loaded or compiled, memory taken.",
    "cold": "Calls back to back find their data where the last one left it, in the cache.",
    "waits": "The host holds it back: Python starts the kernels one by one, more slowly than they run.",
}

ADVICE: Mapping[Rule, str] = {
    "dtype": "Compute in float32 there.",
    "tensors": "Cut batches as slices, in the order of torch.randperm; keep DataLoader for data that has to "
    "be read or transformed.",
    "first_batch": "persistent_workers=True keeps them for the next epoch; short epochs want fewer.",
    "first_call": "Call it once before you time it, or before somebody waits for it.",
    "cold": "Trust the cold time where your data is new in each call, as in training.",
    "waits": "Larger batches give each kernel more to do; torch.compile and CUDA graphs start many at once.",
}


def told(pitfall: Pitfall) -> Told:
    """The pitfall in words."""
    facts = {
        "operation": words(pitfall.operation).removesuffix(" dtype"), "subject": pitfall.subject,
        "device": contender("device", pitfall.device), "seconds": quantity(pitfall.seconds, "s", 2),
        "factor": times(pitfall.factor, pitfall.low, pitfall.high), "case": _case(pitfall),
        "share": _share(pitfall), "workers": contender("num_workers", pitfall.subject),
    }  # fmt: skip
    seen, cause, advice = (each[pitfall.rule].format(**facts) for each in (SEEN, CAUSE, ADVICE))
    return Told(seen, cause, advice, tuple(filter(None, (pitfall.case, pitfall.against))))


def _case(pitfall: Pitfall) -> str:
    """The operation with the parameters in the case's name: "forward modes (cpu-mlp-train)"."""
    parameters = pitfall.case.partition("[")[2].removesuffix("]")
    return words(pitfall.operation) + (f" ({parameters})" if parameters else "")


def _share(pitfall: Pitfall) -> str:
    """The share of the time that the device works, as an interval."""
    low, high = percent(1 / pitfall.high), percent(1 / pitfall.low)
    return low if low == high else f"{low} to {high}"
