"""The questions that people have, in the order in which they are answered: the one list of them."""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bench.analyze.contests.contests import Choice


@dataclass(frozen=True)
class Question:
    """A question, and which contests answer it: those of these operations in which `between` competes.

    `among` must be contenders. `moved` is whether the data is moved in each call, None where that does not
    matter. `leads` is the operation that a learner means by it, where several answer. `needs_accelerator`:
    nothing but an accelerator can answer it. A question without `between` is answered by no contest.
    """

    id: str
    between: str = ""
    operations: str = "*"
    among: tuple[str, ...] = ()
    moved: bool | None = None
    leads: str = ""
    needs_accelerator: bool = False

    def fits(self, choice: Choice) -> bool:
        moved = " " in choice.definition
        return (
            self.between == choice.between
            and set(self.among) <= set(choice.contenders)
            and self.moved in (None, moved)
            and fnmatchcase(choice.operation, self.operations)
        )


QUESTIONS = (
    Question("gpu_from", "device", moved=False, leads="matmul", needs_accelerator=True),
    Question("gpu_from_moved", "device", moved=True, leads="matmul", needs_accelerator=True),
    Question("workers", "num_workers", leads="load"),
    Question("torch_or_onnxruntime", "engine", among=("torch", "onnxruntime")),
    Question("share_or_copy", "way", "share_or_copy"),
    Question("matmul_or_mul", "product", among=("matmul", "mul")),
    Question("training_step"),
    Question("epoch_device", "device", "*epoch*", needs_accelerator=True),
)

OF_OPERATIONS = (
    Question("in_place", "result", "add", among=("add_", "out=")),
    Question("fetching", "fetching", "fetch", among=("one by one", "slices")),
    Question("cross_entropy", "form", "cross_entropy", among=("fused",)),
    Question("graph", "graph", "record", among=("recorded", "no_grad")),
    Question("optimizer_step", "implementation", "step", among=("for-loop", "foreach")),
    Question("loading", "loading", "load", among=("weights_only", "mmap")),
    Question("channels", "layout", "network", among=("channels first", "channels last")),
    Question("attention", "attention", "attention", among=("by hand",)),
    Question("spectrogram", "transform", "stft", among=("stft", "convolution")),
    Question("ranks", "ranks", "epoch"),
)
"""Some of each family of `suites/operations`, asked only where they are compared."""

OTHERS = Question("")
"""What answers none of them."""


def question_of(choice: Choice) -> Question:
    """The question that a contest answers: one of few operations before one of any."""
    narrow: Callable[[Question], bool] = lambda question: question.operations == "*"  # noqa: E731
    return next(
        (each for each in sorted((*QUESTIONS, *OF_OPERATIONS), key=narrow) if each.fits(choice)), OTHERS
    )
