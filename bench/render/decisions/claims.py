"""What a contest says, in as few words as it takes: every size that was measured is in them."""

import math
from collections.abc import Sequence
from dataclasses import replace

from bench.analyze.contests.contests import SUMMED
from bench.analyze.contests.crossover import Place
from bench.analyze.estimates.confidence import of_crossing
from bench.analyze.questions.answers import Claim, Gain, Span
from bench.render.names import circumstances, contender, words
from bench.render.units import count, near, times

GPUS = ("cuda", "mps", "xpu")
"""Types of devices that people call a GPU."""

CALLED = {
    "way": {"from_numpy": "share (from_numpy)", "tensor": "copy (tensor)"},
    "engine": {"onnxruntime": "ONNX Runtime", "onnxruntime run": "ONNX Runtime (session.run)"},
}
"""By what competes: what people call a contender, where its name in the suites does not say it."""


def said(between: str, name: str) -> str:
    """A contender as one says it: "the GPU" is cuda, or mps; "8 workers"."""
    if between == "device":
        return "CPU" if name == "cpu" else "GPU" if name.partition(":")[0] in GPUS else name
    return CALLED.get(between, {}).get(name) or contender(between, name)


def subject(claim: Claim) -> str:
    """What the contest is about, and what sets it apart: "matmul (dtype float32)"."""
    named = shared(claim)
    moved = placement(claim)
    return words(claim.choice.operation) + (f" ({named})" if named else "") + (f", {moved}" if moved else "")


def shared(claim: Claim) -> str:
    """The parameters that the contenders share; the run, which has a column of its own, is none."""
    crossing = claim.evidence.crossing
    fixed = {name: value for name, value in crossing.fixed.items() if name != "on"}
    return circumstances(replace(crossing, fixed=fixed))


def placement(claim: Claim) -> str:
    """What is moved in each call, and out of which memory: "pinned round trip", "" for nothing."""
    form, _, memory = claim.choice.definition.partition(" ")[2].partition(" ")
    return f"{memory} {words(form)}".strip()


def told(claim: Claim, rated: str = "") -> str:
    """Who wins where; with the winners' rates in units of `rated`."""
    spans, choice = claim.spans, claim.choice
    axis, between = words(choice.axis), choice.between
    if all(span.range.winner for span in spans) and _crosses(claim):
        text = _crossing(claim, [span.range.place for span in spans[1:]])
    elif len(spans) == 1 and spans[0].range.winner and len(choice.contenders) == 2:
        text = f"{said(between, spans[0].range.winner)} {_throughout(axis, spans[0].measured)}"
    else:
        text = "; ".join(_at(claim, span, rated) for span in spans)
    if not rated and (left := sorted({size for span in spans for size in span.open})):
        text += f"; level or not told apart at {listed(left)}"
    if choice.contests[0].crossing.reason.startswith("except at"):
        text += f"; {choice.contests[0].crossing.reason.partition(';')[0]}"
    return text + (" (transfers reckoned)" if SUMMED in claim.evidence.crossing.reason else "")


def _crosses(claim: Claim) -> bool:
    two = len(claim.choice.contenders) == 2
    return two and len(claim.spans) > 1 and all(span.range.place for span in claim.spans)


def _crossing(claim: Claim, places: Sequence[Place | None]) -> str:
    """Two contenders that trade places: where, with the interval, or between which sizes."""
    axis, known = words(claim.choice.axis), [place for place in places if place]
    names = [said(claim.choice.between, span.range.winner) for span in claim.spans]
    if len(known) == 1 and claim.choice.between == "threads" and axis == "n":
        return f"{names[1]} above about {_about(known[0])} × {_about(known[0])} ({_ends(known[0])})"
    if len(known) == 1:
        return f"{names[1]} from {axis} {_place(known[0])}"
    below = ", ".join(
        f"{name} up to {axis} {_place(place)}" for name, place in zip(names, known, strict=False)
    )
    return f"{below}, {names[-1]} beyond"


def _place(place: Place) -> str:
    if of_crossing(place.low, place.high) == "unsettled":
        return (
            f"between {near(place.low, place.low, place.high)} and {near(place.high, place.low, place.high)}"
        )
    return f"≈ {_about(place)} ({_ends(place)})"


def _about(place: Place) -> str:
    return near(place.size, place.low, place.high)


def _ends(place: Place) -> str:
    return "–".join(dict.fromkeys(near(each, place.low, place.high) for each in (place.low, place.high)))


def _throughout(axis: str, sizes: Sequence[float]) -> str:
    if len(sizes) == 1:
        return f"at {axis} = {count(sizes[0])}, the only one measured"
    return f"at every {axis} measured, {count(sizes[0])} to {count(sizes[-1])}"


def _at(claim: Claim, span: Span, rated: str) -> str:
    """One span: who wins there, who cannot be told from it, or that nobody is known to."""
    axis, between, known = words(claim.choice.axis), claim.choice.between, span.range
    at = f"at {axis} {listed(span.measured)}"
    if known.state == "equal":
        return f"no difference that matters {at}"
    if not known.winner:
        led = known.reason if known.reason.endswith("cannot be told from it") else ""
        return f"not told apart {at}" + (f" ({led})" if led else "")
    winner = f"{said(between, known.winner)} {at}"
    if rated and math.isfinite(span.items_per_s):
        where = "" if len(span.measured) == 1 else f"{count(span.measured[-1])}: "
        winner += f" ({where}{count(float(f'{span.items_per_s:.2g}'))} {rated})"
    if known.ties:
        others = known.ties if between == "num_workers" else [said(between, tie) for tie in known.ties]
        winner += f", {' and '.join(filter(None, [', '.join(others[:-1]), others[-1]]))} not told from it"
    elif rated and span.open:
        winner += f", not told from the next at {listed(span.open)}"
    return winner


def listed(sizes: Sequence[float]) -> str:
    """Sizes as "16", "16 and 64" or, of more, from the smallest to the largest."""
    texts = [count(size) for size in sizes]
    return " and ".join(texts) if len(texts) < 3 else f"{texts[0]} to {texts[-1]}"


def gain(claim: Claim) -> str:
    """How many times as fast: at the largest size with a winner; where one wins throughout, at both ends."""
    won = [span for span in claim.spans if span.gains]
    if not won:
        return ""
    gains = won[-1].gains
    if len(claim.spans) > 1 or len(claim.choice.contenders) > 2:
        gains = gains[-1:]
    known = [each for each in gains if each.low > 1] or gains[-1:]
    who = "" if won[-1] is claim.spans[-1] else f"{said(claim.choice.between, won[-1].range.winner)} "
    return ", ".join(who + _gain(claim, each) for each in known)


def _gain(claim: Claim, each: Gain) -> str:
    """The gain at a size; of more than two contenders over whom."""
    over = f" of {said(claim.choice.between, each.over)}" if len(claim.choice.contenders) > 2 else ""
    return f"{times(each.ratio, each.low, each.high)}{over} at {count(each.size)}"
