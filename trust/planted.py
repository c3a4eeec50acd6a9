"""Changes planted in a project, and a live gate on each: what costs time is found, what others do is not.

The hog runs in head's turns only: on every processor, as long as head's worker runs. Nothing is changed then,
and nobody's priority is raised, which would keep most of it away.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.app.sides.calibrate import competing
from bench.measure.host import priority
from bench.measure.host.interference import processors
from trust.claims import Claim, Proof, per_cent
from trust.sides import ROOT

PROJECT = Path(__file__).with_name("project")


def prove(folder: Path) -> Proof:
    """The claims about planted changes."""
    with tempfile.TemporaryDirectory() as place:
        project = _project(Path(place) / "project")
        hogged = _beside_a_hog(project, folder)
        _edit(project / "pipeline.py", "THREADS = 2", "THREADS = 1")
        _edit(project / "pipeline.py", "WORKERS = 2", "WORKERS = 1")
        lost = _gate(project, folder, "lost")
    return Proof((*_lost(lost), *_hogged(hogged)))


def _lost(document: dict[str, Any]) -> Iterator[Claim]:
    """Needs two processors, as the project itself does."""
    by_test = {verdict["case"].rpartition("::")[2]: verdict for verdict in document["verdicts"]}
    for case, what, demanded in (
        ("test_threads", "a lost thread (2 → 1)", "slower"),
        ("test_workers", "a lost DataLoader worker (2 → 1)", "slower"),
        ("test_neither", "work that has neither", "not slower"),
    ):
        verdict = by_test[case]
        is_slower = verdict["state"] == "slower"
        yield Claim(f"planted: {what}", _seen(verdict), demanded, is_slower == (demanded == "slower"))


def _hogged(document: dict[str, Any]) -> Iterator[Claim]:
    (verdict,) = document["verdicts"]
    what = f"{_seen(verdict)}, {100 * document['disturbed_share']:.0f} % of all blocks disturbed"
    yield Claim("planted: a hog in head's turns only", what, "not slower", verdict["state"] != "slower")


def _seen(verdict: dict[str, Any]) -> str:
    change = verdict["change"]
    return f"{verdict['state']}, {per_cent(change['ratio'])}" if change else str(verdict["state"])


def _project(folder: Path) -> Path:
    """The project, committed."""
    shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    git = ["git", "-c", "user.name=trust", "-c", "user.email=", "-c", "commit.gpgsign=false"]
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "Begin"]):
        subprocess.run([*git, *command], cwd=folder, check=True)
    return folder


def _edit(file: Path, old: str, new: str) -> None:
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def _gate(project: Path, folder: Path, name: str, *arguments: str, nice: str = "") -> dict[str, Any]:
    """What `bench gate --base HEAD` says of the project as it stands."""
    file = folder / f"{name}.json"
    file.unlink(missing_ok=True)
    print(f"planted: gate {name}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "bench", "gate", "--base", "HEAD", "--json", str(file),
               "--out", str(folder / "runs"), *arguments]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if nice:
        environment[priority.VARIABLE] = nice
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    if not file.exists():
        raise RuntimeError(f"{' '.join(command)} ended with status {done.returncode}: {done.stderr[-500:]}")
    document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return document


def _beside_a_hog(project: Path, folder: Path) -> dict[str, Any]:
    with competing(len(processors()), ("-m", "trust.hog"), ROOT):
        return _gate(project, folder, "hogged", "-k", "test_neither", nice="0")
