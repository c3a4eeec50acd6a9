"""Parts of the standard library as they were before any test: what it replaces there, such as the clock or
`os.listdir`, is not what a block is timed and read with.

They are no modules, so that tools which look through modules for clocks to freeze do not find these.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os as os
    import time as time
else:
    import os as _os
    import time as _time

    os, time = (SimpleNamespace(**vars(module)) for module in (_os, _time))
