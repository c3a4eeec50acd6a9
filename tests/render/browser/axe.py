"""axe-core, which finds what keeps people from using a page: fetched through npm, held against a digest."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest

VERSION = "4.14.1"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="
"""What the registry says of that version (`npm view axe-core@VERSION dist.integrity`)."""

RUN = """async (within) => (await axe.run(within, {resultTypes: ["violations"]})).violations
    .filter((found) => ["serious", "critical"].includes(found.impact))
    .map((found) => `${found.id} (${found.impact}): ${found.help}: `
        + found.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; "))"""


@cache
def script() -> str:
    """axe-core's source. Skips the test where npm is not there or does not reach its registry."""
    folder = Path(tempfile.gettempdir()) / f"axe-core-{VERSION}-of-bench"
    archive = folder / f"axe-core-{VERSION}.tgz"
    if not archive.exists():
        _fetch(folder)
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    assert digest == SHA512, f"{archive} is not axe-core {VERSION}; expected what the registry has: remove it"
    with tarfile.open(archive) as opened:
        member = opened.extractfile("package/axe.min.js")
        assert member is not None
        return member.read().decode()


def _fetch(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on the PATH, through which axe-core is fetched")
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:  # it is there whole or not at all
        command = [npm, "pack", "--silent", f"axe-core@{VERSION}"]
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip(f"npm could not fetch axe-core: {done.stderr.strip()[-200:] or 'no reason given'}")
        (Path(scratch) / f"axe-core-{VERSION}.tgz").rename(folder / f"axe-core-{VERSION}.tgz")


def findings(tab: Any, within: str = "html") -> list[str]:
    """The serious and critical findings of the page, or within an element of it, as it stands: a line a rule
    with where it is broken."""
    if not tab.evaluate("'axe' in window"):
        tab.add_script_tag(content=script())
    return list(tab.evaluate(RUN, within))
