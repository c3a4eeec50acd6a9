"""What a run answers to each question: one record a question, always, in the catalogue's order.

A contest belongs to exactly one question. An answer quotes contests of one call and its wait, where they were
timed so, else back to back; the other definitions are further evidence.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from bench.analyze.contests.contests import Choice, Contest
from bench.analyze.contests.crossover import TIE
from bench.analyze.contests.ranges import Range
from bench.analyze.estimates.confidence import Confidence, lowest
from bench.analyze.estimates.doubts import gist
from bench.analyze.questions.catalogue import OF_OPERATIONS, OTHERS, QUESTIONS, Question, question_of
from bench.analyze.questions.parts import Step, steps, unmeasured

WhyNot = Literal["", "no_accelerator", "not_measured", "not_asked"]
"""Why a question has no answer: no accelerator here, no time of its cases, or no case of it in the run."""

FORMS = ("round_trip", "inputs")
"""What is moved in each call, as an answer quotes it: all that a learner has to move comes first."""


@dataclass(frozen=True)
class Gain:
    """How many times as fast the winner is as `over` at a size, with the ratio's 95 % interval."""

    size: float
    over: str
    ratio: float
    low: float
    high: float


@dataclass(frozen=True)
class Span:
    """A range of a contest's sizes, those `measured` in it, and what the winner gains at each of them.

    Of two contenders `open` are measured sizes at which the winner is level with the other or not told from
    it, those within a crossing's interval left out. Of more, `rivals` has everyone whom the winner cannot be
    told from, with the sizes at which. `items_per_s` is the winner's rate at the largest size, NaN where no
    work is declared.
    """

    range: Range
    measured: tuple[float, ...]
    gains: tuple[Gain, ...]
    open: tuple[float, ...] = ()
    rivals: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    items_per_s: float = float("nan")


@dataclass(frozen=True)
class Claim:
    """What one contest says to a question: its spans cover all sizes. `evidence` is what it rests on most."""

    choice: Choice
    spans: tuple[Span, ...]
    evidence: Contest

    @property
    def confidence(self) -> Confidence:
        return self.choice.confidence


@dataclass(frozen=True)
class Answer:
    """What a run answers to a question.

    `claims` come in order: those of the leading contest, the first `leads` of them, then other operations'.
    `further` are contests of the question that are not quoted: other definitions, and those never timed.
    `steps` answer where a training step's time goes. `reason` says more of `why_not`, if anything was said.
    """

    question: Question
    claims: tuple[Claim, ...] = ()
    leads: int = 0
    further: tuple[Choice, ...] = ()
    steps: tuple[Step, ...] = ()
    why_not: WhyNot = ""
    reason: str = ""

    @property
    def confidence(self) -> Confidence:
        """The lowest of what leads."""
        led = [claim.confidence for claim in self.claims[: self.leads]]
        led += [step.confidence for step in self.steps]
        return lowest(led)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Every contest of the question."""
        return (*(claim.choice for claim in self.claims), *self.further)


def answers(choices: Sequence[Choice], cases: pd.DataFrame, accelerator: bool) -> tuple[Answer, ...]:
    """One answer a question, in the catalogue's order, then what the other contests say.

    `accelerator` is whether the machine has one.
    """
    asked: dict[Question, list[Choice]] = defaultdict(list)
    for choice in choices:
        asked[question_of(choice)].append(choice)
    return tuple(
        _answer(each, asked[each], cases, accelerator) for each in (*QUESTIONS, *OF_OPERATIONS, OTHERS)
    )


def _answer(question: Question, choices: Sequence[Choice], cases: pd.DataFrame, accelerator: bool) -> Answer:
    quoted = _ordered(question, _quoted(choices))
    claims = tuple(claim_of(choice, cases) for choice in quoted)
    further = tuple(choice for choice in choices if all(choice is not each for each in quoted))
    made = steps(cases) if question.id == "training_step" else ()
    if claims or made:
        return Answer(question, claims, _leads(question, quoted), further, made)
    if question.needs_accelerator and not accelerator:
        return Answer(question, further=further, why_not="no_accelerator")
    parts = unmeasured(cases) if question.id == "training_step" else ()
    why_not: WhyNot = "not_measured" if choices or parts else "not_asked"
    reasons = (*(choice.reason for choice in choices), *parts)
    reason = next((gist(reason) for reason in reasons if reason), "").removeprefix("not measured: ")
    return Answer(question, further=further, why_not=why_not, reason=reason)


def _quoted(choices: Sequence[Choice]) -> list[Choice]:
    """Those of one call where it was timed, else back to back: what a learner meets is one call."""
    quoted: dict[tuple[Any, ...], Choice] = {}
    for choice in choices:
        basis, _, form = choice.definition.partition(" ")
        fixed = tuple(sorted(choice.fixed.items(), key=str))
        key = choice.suite, choice.operation, choice.axis, choice.between, choice.contenders, fixed, form
        if choice.ranges and (basis == "latency" or key not in quoted):
            quoted[key] = choice
    return list(quoted.values())


def _ordered(question: Question, quoted: Sequence[Choice]) -> list[Choice]:
    """The operation that leads first, then the others as they were collected; of each a round trip before the
    inputs alone, and pinned memory before pageable."""
    operations = list(dict.fromkeys(choice.operation for choice in quoted))

    def order(choice: Choice) -> tuple[bool, int, int, bool]:
        form, _, memory = choice.definition.partition(" ")[2].partition(" ")
        place = FORMS.index(form) if form in FORMS else len(FORMS)
        leads = choice.operation == question.leads
        return not leads, operations.index(choice.operation), place, memory == "pageable"

    return sorted(quoted, key=order)


def _leads(question: Question, quoted: Sequence[Choice]) -> int:
    """How many lead: all ways of moving the same, of the first operation; all of a question about one."""
    if not question.leads:
        return len(quoted) if question is not OTHERS else 0

    def kind(choice: Choice) -> tuple[str, str]:
        return choice.operation, choice.definition.partition(" ")[2].partition(" ")[0]

    return sum(kind(choice) == kind(quoted[0]) for choice in quoted)


def claim_of(choice: Choice, cases: pd.DataFrame) -> Claim:
    """What a contest says, in its spans."""
    spans = tuple(_span(choice, each, cases) for each in choice.ranges)
    return Claim(choice, spans, _evidence(choice))


def _evidence(choice: Choice) -> Contest:
    """The contest that an answer rests on most: that of the last winner against the first contender."""
    winner = choice.ranges[-1].winner
    return next((each for each in choice.contests if winner in pair_of(each)), choice.contests[0])


def pair_of(contest: Contest) -> tuple[str, str]:
    """Both contenders' names."""
    return contest.crossing.incumbent, contest.crossing.challenger


def _span(choice: Choice, known: Range, cases: pd.DataFrame) -> Span:
    against_first = {size for contest in choice.contests for size in contest.sizes}
    sizes = sorted(against_first.union(choice.may_be_best))  # the first contender may lack some
    measured = tuple(each for each in sizes if known.smallest <= each <= known.largest)
    if not known.winner or not measured:
        return Span(known, measured, ())
    gains = tuple(gain for size in measured if (gain := gain_at(choice, known.winner, size)))
    rate = _items_per_s(choice, known.winner, measured[-1], cases)
    if len(choice.contenders) > 2:
        return Span(known, measured, gains, (), _rivals(choice, known, measured), rate)
    return Span(known, measured, gains, tuple(_open(choice, known, measured)), {}, rate)


def _rivals(choice: Choice, known: Range, measured: Sequence[float]) -> dict[str, tuple[float, ...]]:
    """Those that the winner cannot be told from, with the sizes at which; those throughout come first."""
    others = (name for name in choice.contenders if name != known.winner)
    at = {name: tuple(s for s in measured if name in choice.may_be_best.get(s, ())) for name in others}
    return {name: at[name] for name in sorted(at, key=lambda name: (-len(at[name]), at[name])) if at[name]}


def gain_at(choice: Choice, winner: str, size: float) -> Gain | None:
    """What the winner gains at a size over the first contender; the first over the next best."""
    met = [_gain(contest, winner, size) for contest in choice.contests if winner in pair_of(contest)]
    return min((gain for gain in met if gain), key=lambda gain: gain.ratio, default=None)


def _gain(contest: Contest, winner: str, size: float) -> Gain | None:
    if size not in contest.sizes:
        return None
    at = contest.sizes.index(size)
    ratio, low, high = contest.ratio[at], contest.ratio_low[at], contest.ratio_high[at]
    incumbent, challenger = pair_of(contest)
    if winner == challenger:
        return Gain(size, incumbent, ratio, low, high)
    return Gain(size, challenger, 1 / ratio, 1 / high, 1 / low)


def _open(choice: Choice, known: Range, measured: Sequence[float]) -> Iterator[float]:
    places = choice.contests[0].places
    for size in measured:
        gain = gain_at(choice, known.winner, size)
        crossing = any(place.low <= size <= place.high for place in places)
        if gain and (gain.low <= 1 or gain.high <= 1 + TIE) and not crossing:
            yield size


def _items_per_s(choice: Choice, contender: str, size: float, cases: pd.DataFrame) -> float:
    """The contender's rate at a size; NaN where it cannot be told which case that is."""
    sought: Mapping[str, Any] = {**choice.fixed, choice.between: contender, choice.axis: size}
    told = [name for name in sought if name in cases]
    # First, since a parameter's column is made text anew, of all the cases that are left.
    of_operation = (cases["suite"] == choice.suite) & (cases["operation"] == choice.operation)
    rows = cases.loc[of_operation, list({*told, "items_per_s"})]
    for name in told:
        value = sought[name]
        known = rows[name].astype("str") if isinstance(value, str) else rows[name]
        rows = rows[(known == value).fillna(False).astype(bool)]
    return float(rows["items_per_s"].iat[0]) if len(rows) == 1 else float("nan")
