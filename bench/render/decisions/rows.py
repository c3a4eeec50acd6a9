"""The decision table: a row a question, always there in a run that asks any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import shorten

from bench.analyze.contests.contests import Contest
from bench.analyze.estimates.confidence import lowest
from bench.analyze.names import contender, words
from bench.analyze.questions.answers import Answer, Claim
from bench.analyze.questions.catalogue import OTHERS, QUESTIONS
from bench.analyze.questions.parts import COURSE, Step
from bench.render.decisions.claims import gain, placement, subject, told
from bench.render.units import percent, quantity, times

TEXTS = {
    "gpu_from": "From which size does the GPU win?",
    "gpu_from_moved": "… when its data is moved in each call?",
    "workers": "How many DataLoader workers?",
    "torch_or_onnxruntime": "torch or ONNX Runtime?",
    "share_or_copy": "Share an array or copy it?",
    "matmul_or_mul": "matmul against mul?",
    "training_step": "Where does a training step's time go?",
    "epoch_device": "An epoch: on the CPU or the GPU?",
    "in_place": "Add to a tensor: x + 5, in place or out=?",
    "fetching": "Fetch samples one by one or a batch at once?",
    "cross_entropy": "Cross entropy: fused or in parts?",
    "graph": "An answer: its graph recorded or not?",
    "optimizer_step": "An optimizer's step: tensor by tensor, foreach or fused?",
    "loading": "torch.load: safe, unpickled or mmap?",
    "channels": "A network for photos: channels first or last?",
    "attention": "Attention: by hand or which backend?",
    "spectrogram": "A spectrogram: by stft or by convolution?",
    "ranks": "An epoch: by how many processes?",
    "": "What else was compared",
}
"""Each question as one asks it."""

ITEMS = {"workers": "images/s"}
"""What a question's rates count."""

NO_ANSWER = {
    "no_accelerator": "no GPU here: not answerable on this machine",
    "not_measured": "not measured",
    "not_asked": "not part of this run; `bench run {suites}` asks it",
    "": "no times were measured that answer it",
}

MAX_REASON = 120
"""Characters of a reason in the table, cut at a word; the list of what was not measured has all of it."""

SMALL = 0.01
"""Share of a step below which a part does not matter."""

TIMED = {"latency": "one call and its wait", "throughput": "back to back"}
"""What the times are of, by a definition's first word."""

CONFIDENCES = (
    "solid: known to a tenth, a size to half an octave; rough: within a factor of two, a size within two "
    "octaves; unsettled: less, and what is known is said."
)
"""What the words of confidence say, once, where they first stand."""


@dataclass(frozen=True)
class Line:
    """What one contest, or one step, says in words, and what it is about; `evidence` is None where that is no
    contest."""

    text: str
    gain: str = ""
    confidence: str = ""
    timed: str = ""
    subject: str = ""
    evidence: Contest | None = None

    @property
    def whole(self) -> str:
        """All of it in one line."""
        return " · ".join(filter(None, [self.text, self.gain, self.confidence]))


@dataclass(frozen=True)
class Row:
    """A question with its answer: what leads, and what other contests say."""

    id: str
    question: str
    answered: bool
    lead: Line
    others: tuple[Line, ...] = ()

    @property
    def line(self) -> str:
        """The question and what leads, in one line."""
        return f"{self.question} {self.lead.whole}"


def rows(answers: Sequence[Answer], asked: bool = False) -> list[Row]:
    """The table of a run. What is asked of single operations, and what no question asked, comes last, where
    there is such a thing; where it is all that there is, nothing else is said to be missing, unless `asked`,
    as by a run beside this one. What no question asked and nothing was timed of is left out, unless alone.
    """
    first = [answer for answer in answers if answer.question in QUESTIONS]
    further = [answer for answer in answers if answer.question not in QUESTIONS and answer.choices]
    if not (asked or asks(answers) or not further):
        return [_row(answer) for answer in further]
    return [_row(each) for each in (*first, *further) if each.question is not OTHERS or each.claims]


def asks(answers: Sequence[Answer]) -> bool:
    """Whether a run has something that answers one of the first questions, or could."""
    return any(answer.choices or answer.steps for answer in answers if answer.question in QUESTIONS)


def more(contests: int) -> str:
    """How many contests follow: "1 more contest"."""
    return f"{contests} more contest{'s' * (contests != 1)}"


def answered(answers: Sequence[Answer]) -> list[str]:
    """What is known so far: a line a question that has an answer, then one a contest that none asked for."""
    known = [row for row in rows(answers) if row.answered]
    asked = [row.line for row in known if row.id]
    return asked + [line.whole for row in known if not row.id for line in row.others]


def _row(answer: Answer) -> Row:
    asked = answer.question.id
    lines = [*_steps(answer.steps), *_lines(answer)]
    if not answer.question.id and lines:
        lead = Line(more(len(lines)))
        return Row(asked, TEXTS[asked], True, lead, tuple(lines))
    if lines:
        return Row(asked, TEXTS[asked], True, lines[0], tuple(lines[1:]))
    return Row(asked, TEXTS[asked], False, Line(no_answer(answer)))


def no_answer(answer: Answer) -> str:
    """Why a question has no answer."""
    suites = "suites" if answer.question in QUESTIONS else "suites/operations"
    text = NO_ANSWER[answer.why_not].format(suites=suites)
    reason = shorten(answer.reason, MAX_REASON, placeholder=" …")
    return f"{text}: {reason}" if reason else text


def _lines(answer: Answer) -> Iterator[Line]:
    """A line for each contest; ways of moving the same data are one."""
    rated = ITEMS.get(answer.question.id, "")
    label = _label(answer)
    for _, group in groupby(answer.claims, key=_moving):
        claims = list(group)
        first = claims[0]
        if len(claims) == 1:
            what = label(first)
            text = f"{what}: {told(first, rated)}" if what else told(first, rated)
            about = what if label is _device else words(first.choice.operation)
            yield Line(text, gain(first), first.confidence, timed(first), about, first.evidence)
        else:
            yield _together(claims)


def _label(answer: Answer) -> Callable[[Claim], str]:
    """What sets a claim apart from the question's others: nothing where it is the only one, else its device
    where they are of one operation, else its operation."""
    claims = answer.claims
    if len(claims) == 1 and answer.question.id:
        return lambda _: ""
    if (
        answer.question.id
        and len({claim.choice.operation for claim in claims}) == 1
        and all(_device(claim) for claim in claims)
    ):
        return _device
    return subject


def _device(claim: Claim) -> str:
    device = claim.choice.fixed.get("device")
    return contender("device", str(device)) if device and not placement(claim) else ""


def _moving(claim: Claim) -> tuple[object, ...]:
    """What claims have in common that differ in the memory alone out of which data is moved."""
    basis, _, form = claim.choice.definition.partition(" ")
    unique = id(claim) if not form else None
    return claim.choice.operation, str(claim.choice.fixed), basis, form.partition(" ")[0], unique


def _together(claims: Sequence[Claim]) -> Line:
    unlike = len({claim.confidence for claim in claims}) > 1
    texts = [
        f"{placement(claim).partition(' ')[0]}: {told(claim)}" + f", {claim.confidence}" * unlike
        for claim in claims
    ]
    gains = [f"{placement(claim).partition(' ')[0]} {text}" for claim in claims if (text := gain(claim))]
    worst = lowest(claim.confidence for claim in claims)
    what = subject(claims[0]).replace(placement(claims[0]), placement(claims[0]).partition(" ")[2])
    text, first = f"{what}: {'; '.join(texts)}", claims[0]
    about = words(first.choice.operation)
    return Line(text, ", ".join(gains), worst, timed(first), about, first.evidence)


def timed(claim: Claim) -> str:
    """What the times of a claim are of."""
    return TIMED[claim.choice.definition.partition(" ")[0]]


def _steps(steps: Sequence[Step]) -> Iterator[Line]:
    for step in sorted(steps, key=lambda step: step.network != COURSE):
        shares = sorted(step.shares.items(), key=lambda part: -part[1])
        text = ", ".join(f"{name} {_share(share)}" for name, share in shares)
        if step.whole is None:
            text += "; the whole step was not timed at this batch"
        elif step.sum_to_whole and not step.adds_up:
            text += (
                f"; timed alone they make {times(*step.sum_to_whole)} of the whole step: they do not add up"
            )
        took = f"{quantity(step.total_s, 's', 2)} a step"
        what = f"{step.network} on {contender('device', step.device)}"
        yield Line(f"{what}: {text}", took, step.confidence, TIMED["throughput"], what)


def _share(share: float) -> str:
    return percent(share) if share >= SMALL else f"under {quantity(100 * SMALL, '%', 1)}"
