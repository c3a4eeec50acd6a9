"""Compiled modules that workers share, where Python would keep none."""

import atexit
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path


@cache
def variables() -> Mapping[str, str]:
    """Lets workers share compiled modules where there are none and Python keeps none.

    Containers may be set up so, and compiling torch takes each worker 4 s. What is compiled goes with this
    process.
    """
    if not sys.dont_write_bytecode or sys.pycache_prefix or is_compiled("torch") is not False:
        return {}
    folder = tempfile.mkdtemp(prefix="bench-bytecode-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": folder}


def is_compiled(package: str) -> bool | None:
    """Whether an installed package has its compiled modules beside it; None where it is not installed."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return Path(importlib.util.cache_from_source(spec.origin)).exists()
