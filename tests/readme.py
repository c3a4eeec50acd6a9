"""The README's answers: what reports/example says of three questions, and its figure.

python -m tests.readme    puts them into README.md; `nox -s examples` does so at its end
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests import ROOT, generated

README, PART = ROOT / "README.md", "answers"
EXAMPLE = ROOT / "reports" / "example"

QUESTIONS = {
    "workers": "How many DataLoader workers?",
    "torch_or_onnxruntime": "torch or ONNX Runtime?",
    "share_or_copy": "Share an array with a tensor, or copy it?",
}
"""What a machine without an accelerator can answer, by the ids that `contests.csv` has for it."""

CONTENDERS = {
    "onnxruntime": "ONNX Runtime",
    "from_numpy": "share (`from_numpy`)",
    "tensor": "copy (`tensor`)",
}
"""What contenders are called; all others by the names that `contests.csv` has for them."""

FIGURE = "test_01_numpy_tensors"
CAPTION = "Sharing an array's memory takes as long at every size; copying takes longer the larger it is"

DEFINITIONS = ("latency", "throughput")
"""Which of a contest's definitions is quoted: the first that it has."""

NOT_MEASURED = "not_measured"

Row = Mapping[str, str]


def text(example: Path) -> str:
    """The part of the README, from the files of an example."""
    with (example / "contests.csv").open(encoding="utf-8", newline="") as file:
        contests = list(csv.DictReader(file))
    run = json.loads((example / "environment.json").read_text("utf-8"))
    machine, torch = run["environment"]["machine"], run["environment"]["packages"]["torch"]
    rows = [row for question, asked in QUESTIONS.items() for row in _rows(contests, question, asked)]
    return "\n".join([
        f"{machine}, torch {torch}, a {run['arguments']['preset']} run of {run['created'][:10]}:", "",
        "| question | where | fastest | times as fast as the next | confidence |", "|---|---|---|--:|---|",
        *rows, "", f"![{CAPTION}](reports/{example.name}/figures/{FIGURE}.png)",
    ])  # fmt: skip


def _rows(contests: Sequence[Row], question: str, asked: str) -> Iterator[str]:
    """A row for each range of sizes with one answer; the first one asks the question."""
    of_question = [row for row in contests if row["question"] == question and row["state"] != NOT_MEASURED]
    if not of_question:
        yield f"| {asked} |  | not measured |  |  |"
        return
    quoted = min({row["definition"] for row in of_question}, key=lambda name: (name not in DEFINITIONS, name))
    ranges = [row for row in of_question if row["definition"] == quoted]
    for row, first in zip(ranges, [asked, *[""] * len(ranges)], strict=False):
        gain = f"{float(row['gain']):.3g}" if row["winner"] else ""
        yield f"| {first} | {_where(row)} | {_fastest(row)} | {gain} | {row['confidence']} |"


def _where(row: Row) -> str:
    low, high = float(row["from_size"]), float(row["to_size"])
    upper = f" to {_size(high)}" if high > low else ""
    return f"{row['axis'].replace('_', ' ')} {_size(low)}{upper}"


def _fastest(row: Row) -> str:
    if not row["winner"]:
        return "no difference that matters" if row["state"] == "equal" else "not told apart"
    ties = " and ".join(CONTENDERS.get(name, name) for name in row["ties"].split(", ") if name)
    return f"**{CONTENDERS.get(row['winner'], row['winner'])}**" + (f" ({ties} as good)" if ties else "")


def _size(size: float) -> str:
    return (
        f"{size:,.0f}".replace(",", " ") if size >= 10_000 else f"{size:.3g}" if size % 1 else f"{size:.0f}"
    )


if __name__ == "__main__":
    generated.put(README, PART, text(EXAMPLE))
