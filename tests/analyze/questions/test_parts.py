"""A training step's parts, and the whole that they are held against."""

import pandas as pd

from bench.analyze.estimates.estimate import ENDED, NEVER_REACHED
from bench.analyze.questions.answers import answers
from bench.analyze.questions.parts import steps


def test_the_whole_is_the_eager_step_at_the_batch_of_its_parts() -> None:
    """And of two backward passes the one that leaves gradients where the course has them."""
    operations = ["forward_modes", "loss", "backward", "backward", "optimizer_step"]
    rows = [
        {"operation": name, "mode": "train" if name == "forward_modes" else None, "way": way}
        for name, way in zip(operations, [None, None, "autograd.grad", ".backward()", None], strict=True)
    ]
    rows += [{"operation": "ways_to_training_step", "way": way} for way in ("autocast bfloat16", "eager")]
    cases = pd.DataFrame(rows).assign(device="cpu", network="mlp", items=64.0)
    cases["case"] = [f"case {number}" for number in range(len(cases))]
    cases["median_s"] = [1.0, 1.0, 9.0, 2.0, 1.0, 2.0, 5.0]
    cases = cases.assign(low_s=0.99 * cases["median_s"], high_s=1.01 * cases["median_s"])
    (step,) = steps(cases)
    assert step.total_s == 5.0
    assert step.whole is not None
    assert step.whole.seconds == 5.0
    assert step.adds_up


def test_parts_that_the_run_did_not_get_to_were_asked_for() -> None:
    """Who ran the suite is not told to run the suite."""
    cases = pd.DataFrame({"operation": ["forward_modes", "loss"], "reason": NEVER_REACHED})
    cases = cases.assign(median_s=float("nan"), device="cpu", network="mlp", items=64.0)
    found = {answer.question.id: answer for answer in answers([], cases, accelerator=False)}
    assert (found["training_step"].why_not, found["training_step"].reason) == ("not_measured", ENDED)
    assert found["share_or_copy"].why_not == "not_asked"
