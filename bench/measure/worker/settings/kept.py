"""What a test leaves changed in its process: put back before the next one, and named."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.measure.worker.settings import of_process, of_torch
from bench.measure.worker.settings.of_process import Setting


def present() -> tuple[Setting, ...]:
    """The settings that there are: torch's only where it is loaded."""
    return *of_process.SETTINGS, *(of_torch.SETTINGS if of_torch.is_loaded() else ())


def current(*only: str) -> dict[str, Any]:
    """Every setting as it is now, or these alone, by name."""
    return {each.name: each.read() for each in present() if not only or each.name in only}


@dataclass
class Kept:
    """The settings that a visit is to leave as it found them; `left` names those that it did not."""

    before: dict[str, Any] = field(default_factory=current)
    left: list[str] = field(default_factory=list)

    @contextmanager
    def meant(self, *only: str) -> Iterator[None]:
        """What is changed meanwhile, of all settings or of these, is meant to last: it was not the test."""
        before = current(*only)
        yield
        after = current(*only)
        self.before |= {name: value for name, value in after.items() if before.get(name) != value}

    def put_back(self) -> None:
        """Undoes what was left changed, and notes what that was."""
        for each in present():  # read one by one: one that is put back may bring another with it
            if each.name in self.before and each.read() != self.before[each.name]:
                self.left.append(each.name)
                each.put(self.before[each.name])
