"""The torch that is installed is read from its files; nothing is imported."""

import importlib.machinery
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from bench.measure.host.torch_build import Build, installed, needed_driver, remedy
from tests import ROOT

VERSION_FILE = """
__all__ = ['__version__', 'debug', 'cuda', 'git_version', 'hip', 'xpu']
__version__ = '{version}'
debug = False
cuda: Optional[str] = {cuda}
git_version = '5c48'
"""


@pytest.mark.parametrize(("cuda", "read"), [("'13.0'", "13.0"), ("None", None)])
def test_a_build_is_read_from_its_file_of_versions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cuda: str, read: str | None
) -> None:
    (tmp_path / "version.py").write_text(VERSION_FILE.format(version="2.14.1+x", cuda=cuda))
    spec = importlib.machinery.ModuleSpec("torch", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: spec)
    assert installed() == Build("2.14.1+x", read)
    (tmp_path / "version.py").unlink()
    assert installed() is None
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert installed() is None


def test_what_is_read_is_what_torch_says() -> None:
    torch = pytest.importorskip("torch")
    build = installed()
    assert build is not None
    assert (build.version, build.cuda) == (torch.__version__, torch.version.cuda)


def test_torch_is_not_imported() -> None:
    script = "import sys\nfrom bench.measure.host import torch_build\n"
    script += "torch_build.installed()\nprint('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_newest_build_that_a_driver_can_use_is_named() -> None:
    assert needed_driver(Build("2.14.1", "13.0")) == 580
    assert needed_driver(Build("2.14.1")) is None
    assert "/whl/cu130 " in remedy(590)
    assert "/whl/cu126 " in remedy(579)
    assert "/whl/cu126 " in remedy(None), "the oldest works with most drivers"
    assert remedy(500) == "update the driver to 525 or later"
