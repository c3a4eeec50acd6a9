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


def current() -> dict[str, Any]:
    """Every setting as it is now, by name."""
    return {each.name: each.read() for each in present()}


@dataclass
class Kept:
    """The settings that a visit is to leave as it found them; `left` names those that it did not."""

    before: dict[str, Any] = field(default_factory=current)
    left: list[str] = field(default_factory=list)

    @contextmanager
    def meant(self, *only: str) -> Iterator[None]:
        """What is changed meanwhile, of all settings or of these, is meant to last: it was not the test."""
        before = current()
        yield
        after = current()
        names = only or tuple(after)
        changed = (name for name in names if name in after and before.get(name) != after[name])
        self.before |= {name: after[name] for name in changed}

    def put_back(self) -> None:
        """Undoes what was left changed, and notes what that was."""
        for each in present():  # read one by one: one that is put back may bring another with it
            if each.name in self.before and each.read() != self.before[each.name]:
                self.left.append(each.name)
                each.put(self.before[each.name])
