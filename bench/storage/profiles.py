"""Profiles in a run's folder: `profiles/<case>/` with a trace, its tables, stacks, and how it was made."""

import gzip
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from bench.storage.journal import StoreError

FOLDER = "profiles"
TRACE, OPERATORS, MEMORY, PHASES, ABOUT = (
    "trace.json.gz", "operators.csv", "memory.csv", "phases.json", "profile.json",
)  # fmt: skip
STACKS = "stacks.speedscope.json"
PAGE = "profile.html"

MAX_SLUG = 120
"""Characters of a folder's name: file systems take 255 bytes."""


@dataclass(frozen=True)
class Profile:
    """A profile as it was stored. `about` has the case, what was recorded how, facts and notes."""

    folder: Path
    about: Mapping[str, Any]
    operators: pd.DataFrame
    memory: pd.DataFrame
    phases: pd.DataFrame
    stacks: Mapping[str, Any] | None = None

    @property
    def case(self) -> str:
        return str(self.about["case"])

    @property
    def pieces(self) -> int:
        """How many calls, or steps of one, the recording holds: what its sums are to be divided by."""
        return max(int(self.about.get("pieces") or 1), 1)


def slug(case: str) -> str:
    """A folder's name for a case: its test's name and parameters, and digits that keep cases apart."""
    words = re.sub(r"[^A-Za-z0-9.]+", "-", case.rpartition("::")[2]).strip("-")[:MAX_SLUG]
    return f"{words}-{hashlib.sha256(case.encode()).hexdigest()[:6]}"


def write(
    folder: Path,
    about: Mapping[str, Any],
    trace: Mapping[str, Any] | None,
    operators: pd.DataFrame,
    memory: pd.DataFrame,
    phases: pd.DataFrame,
    stacks: Path | None,
) -> None:
    """Writes a profile into `folder`, in place of one that was there. Raises StoreError where it cannot."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        if trace is not None:
            with gzip.open(folder / TRACE, "wt", encoding="utf-8", compresslevel=6) as stream:
                json.dump(trace, stream, separators=(",", ":"))
        operators.to_csv(folder / OPERATORS, index=False)
        memory.to_csv(folder / MEMORY, index=False)
        (folder / PHASES).write_text(json.dumps(phases.to_dict("records"), indent=1) + "\n", "utf-8")
        if stacks is not None:
            shutil.copyfile(stacks, folder / STACKS)
        # The last: a folder that has it is whole.
        (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StoreError(
            f"{folder} cannot be written ({error.strerror}); what was profiled before is kept; make room, "
            f"then profile {about['case']} again."
        ) from error


def write_page(folder: Path, html: str) -> Path:
    """Writes the page of a profile into `folder`; its path. Raises StoreError where the disk refuses."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PAGE).write_text(html, "utf-8")
    except OSError as error:
        raise StoreError(f"{folder / PAGE} cannot be written ({error.strerror}); make room.") from error
    return folder / PAGE


def read(folder: Path) -> Profile:
    """The profile in `folder`. Raises StoreError where there is none."""
    try:
        stacks = folder / STACKS
        phases = json.loads((folder / PHASES).read_text("utf-8"))
        return Profile(
            folder,
            json.loads((folder / ABOUT).read_text("utf-8")),
            pd.read_csv(folder / OPERATORS, keep_default_na=False),
            pd.read_csv(folder / MEMORY),
            pd.DataFrame(phases, columns=["phase", "host_s", "device_s", "share"]),
            json.loads(stacks.read_text("utf-8")) if stacks.is_file() else None,
        )
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{folder} holds no whole profile ({error}); make one with `bench profile CASE`."
        ) from error


def of_run(run: Path) -> Iterator[Path]:
    """The folders of a run's profiles, by name."""
    return (about.parent for about in sorted((run / FOLDER).glob(f"*/{ABOUT}")))


def of_case(run: Path, case: str) -> Path | None:
    """The folder of a case's profile in a run, or None."""
    folder = run / FOLDER / slug(case)
    return folder if (folder / ABOUT).is_file() else None
