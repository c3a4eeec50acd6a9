"""A suite whose launches can be forked: it uses a module that is installed."""

import os
from pathlib import Path

from bench.measure.start.process import Spec
from tests.measure.builders import suite

HEAVY = "import os\nPROCESS = os.getpid()\n"
"""An installed module that knows which process has imported it."""

SUITE = """
import os, random, sys
import heavy

def test_it(benchmark):
    benchmark(len, ())
    benchmark.extra_info.update(
        process=os.getpid(), parent=os.getppid(), session=os.getsid(0), heavy=heavy.PROCESS, hash=hash("a"),
        seed=os.environ["PYTHONHASHSEED"] if heavy.PROCESS != os.getpid() else "", random=random.random(),
        directory=os.getcwd(), argv=" ".join(sys.argv),
    )
"""


def spec_of(folder: Path, text: str = SUITE, heavy: str = HEAVY, **environment: str) -> Spec:
    """A suite, and the installed module `heavy`."""
    packages = folder / "lib" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "heavy.py").write_text(heavy)
    project = folder / "project"
    project.mkdir()
    suite(project, text)
    path = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    return Spec(
        (str(project),), directory=project, rootdir=project, environment={"PYTHONPATH": path, **environment}
    )
