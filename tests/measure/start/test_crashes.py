"""Of a stack that a dying process prints, the line that tells where the project's own code was."""

import subprocess
import sys
from pathlib import Path

from bench.measure.start.crashes import OURS, crash

STACK = f"""collected 2 items
Fatal Python error: Segmentation fault

Current thread 0x00007f (most recent call first):
  File "/usr/lib/python3.11/ctypes/__init__.py", line 519 in string_at
  File "{OURS}/measure/worker/calls.py", line 104 in run
  File "/home/me/project/test_it.py", line 3 in broken
  File "/home/me/.venv/lib/python3.11/site-packages/_pytest/python.py", line 166 in pytest_pyfunc_call
  File "/home/me/project/conftest.py", line 9 in wrapper

Extension modules: numpy._core._multiarray_umath (total: 1)
"""


def test_the_last_call_in_the_project_tells() -> None:
    assert crash(STACK) == 'Segmentation fault in File "/home/me/project/test_it.py", line 3 in broken'


def test_without_a_call_of_the_project_the_last_one_tells() -> None:
    ours = "\n".join(line for line in STACK.splitlines() if "/project/" not in line)
    assert crash(ours).endswith("line 519 in string_at")
    assert crash("Fatal Python error: Aborted\n\n<no Python frame>\n") == "Aborted"


def test_words_without_a_stack_tell_of_no_crash() -> None:
    assert crash("collected 2 items\nkilled\n") == crash("") == ""


def test_pythons_own_stack_is_read(tmp_path: Path) -> None:
    file = tmp_path / "it.py"
    file.write_text("import faulthandler\n\ndef broken():\n    faulthandler._sigabrt()\n\nbroken()\n")
    done = subprocess.run([sys.executable, "-X", "faulthandler", file], capture_output=True, text=True)
    assert crash(done.stderr) == f'Aborted in File "{file}", line 4 in broken'
