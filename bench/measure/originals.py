"""Parts of the standard library as they were before any test: what it replaces there, such as the clock or
`os.listdir`, is not what a block is timed and read with.

They are no modules, so that tools which look through modules for clocks to freeze do not find these.
"""

import builtins
import io
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os as os
    import time as time
else:
    import os as _os
    import time as _time

    os, time = (SimpleNamespace(**vars(module)) for module in (_os, _time))

_open = builtins.open


@contextmanager
def opening() -> Iterator[None]:
    """Lets others' code, such as psutil's, open files, whatever a test has put in place of `open`."""
    replaced = builtins.open, io.open
    builtins.open = io.open = _open
    try:
        yield
    finally:
        builtins.open, io.open = replaced
