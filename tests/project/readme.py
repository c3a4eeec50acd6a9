"""The README's answers: what the summary of reports/example says of three questions, and a figure of it.

python -m tests.project.readme    puts them into README.md; `nox -s examples` does so at its end
"""

from pathlib import Path

from bench.render.decisions.rows import TEXTS
from tests import ROOT
from tests.project import generated

README, PART = ROOT / "README.md", "answers"
EXAMPLE = ROOT / "reports" / "example"

QUESTIONS = ("workers", "torch_or_onnxruntime", "share_or_copy")
"""What a machine without an accelerator can answer."""

FIGURE = "share_or_copy"
CAPTION = "How many times as fast sharing an array's memory is as copying it, by size"


def text(example: Path) -> str:
    """The part of the README, from an example's summary. Raises ValueError where that lacks a question."""
    lines = (example / "summary.md").read_text("utf-8").splitlines()
    machine = lines[2]
    head = next((place for place, line in enumerate(lines) if line.startswith("| question |")), 0)
    rows = [line for line in lines if line.startswith(tuple(f"| {TEXTS[name]} |" for name in QUESTIONS))]
    words = [line for line in lines if line.startswith("solid: ")]
    if not head or len(rows) != len(QUESTIONS) or not words:
        raise ValueError(f"{example / 'summary.md'} does not answer {', '.join(QUESTIONS)}")
    picture = f"![{CAPTION}](reports/{example.name}/figures/{FIGURE}.png)"
    return "\n".join([machine, "", *lines[head : head + 2], *rows, "", *words, "", picture])


if __name__ == "__main__":
    generated.put(README, PART, text(EXAMPLE))
