"""What was proved, as files: for each section its claims, tables and figure, and all of them on one page.

A section that is proved again replaces its own files only; the page says when each was proved.
"""

import csv
import os
from datetime import UTC, datetime
from pathlib import Path

from bench.measure.host import environment
from bench.measure.host.processor import cpu
from trust import figures
from trust.claims import Proof

COLUMNS = ("section", "claim", "read", "demanded", "holds", "when", "load_before", "load_after")


def write_section(folder: Path, section: str, proof: Proof, load_before: tuple[float, float, float]) -> None:
    """A section's claims.csv, a CSV for each of its tables, and its figure as SVG and PNG."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    loads = [f"{average:.2f}" for average in (load_before[0], os.getloadavg()[0])]
    with (folder / section / "claims.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for claim in proof.claims:
            holds = {None: "", True: "yes", False: "no"}[claim.passed]
            writer.writerow([section, claim.what, claim.read, claim.demanded, holds, when, *loads])
    for name, table in proof.tables.items():
        table.to_csv(folder / section / f"{name}.csv", index=False, float_format="%.6g")
    for suffix, data in (figures.drawn(section, proof.tables) or {}).items():
        (folder / f"{section}.{suffix}").write_bytes(data)


def write_page(folder: Path, sections: list[str]) -> Path:
    """trust.md and trust.csv, from all sections that were ever proved in `folder`."""
    rows = [row for section in sections for row in _rows(folder / section / "claims.csv")]
    with (folder / "trust.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    judged = [row for row in rows if row["holds"]]
    held = sum(row["holds"] == "yes" for row in judged)
    lines = [
        "# Can these numbers be trusted?",
        "",
        f"On {environment.machine_name(cpu(), [])}: {held} of {len(judged)} demands hold.",
        "",
        "| | read | demanded | holds |",
        "|---|---|---|---|",
        *(_line(row) for row in rows),
        "",
    ]
    for section in sections:
        if (folder / f"{section}.png").exists():
            lines += [f"![{section}]({section}.png)", ""]
    lines += [f"- {text}" for text in dict.fromkeys(map(_circumstances, rows))]
    page = folder / "trust.md"
    page.write_text("\n".join(lines) + "\n", "utf-8")
    return page


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _line(row: dict[str, str]) -> str:
    holds = {"yes": "yes", "no": "**no**", "": ""}[row["holds"]]
    cells = (row["claim"], row["read"], row["demanded"], holds)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _circumstances(row: dict[str, str]) -> str:
    return f"{row['section']}: {row['when']}, load {row['load_before']} before, {row['load_after']} after"
