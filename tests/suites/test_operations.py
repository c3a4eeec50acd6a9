"""The operations one by one: what is timed is the operation, and what it needs was made before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.suites.stand_ins import Once

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from suites import fashion  # noqa: E402 - only where torch is
from suites.operations import test_13_elementwise, test_22_batches, test_61_keeping_models, test_73_audio  # noqa: E402


class Watched(Once):
    """Calls once, and does something right before."""

    def __init__(self, before: Callable[[], object]) -> None:
        super().__init__()
        self.before = before

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.before()
        return function(*args, **kwargs)


@pytest.mark.parametrize("timed", [test_73_audio.test_stft, test_73_audio.test_spectrum])
def test_the_window_of_a_spectrogram_is_made_before_its_calls(
    monkeypatch: pytest.MonkeyPatch, timed: Callable[..., None]
) -> None:
    def forbid() -> None:
        monkeypatch.setattr(torch, "hann_window", lambda *_, **__: pytest.fail("made in the call"))

    ways = ("stft",) if timed is test_73_audio.test_stft else ("all at once", "mel")
    timed(Watched(forbid), "cpu", *ways, 1)


def test_the_dataset_is_there_before_opening_it_is_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def generate(root: Path) -> None:
        fashion_generate(root, 10, 10)

    def no_network(_root: Path) -> None:
        raise OSError("no network")

    fashion_generate = fashion.generate
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setattr(fashion, "download", no_network)
    monkeypatch.setattr(fashion, "generate", generate)
    there: list[bool] = []
    test_22_batches.test_open(Watched(lambda: there.append(fashion.complete(tmp_path / fashion.GENERATED))))
    assert there == [True]


@pytest.mark.parametrize("loading", test_61_keeping_models.LOADED)
def test_weights_that_are_loaded_are_looked_at(
    monkeypatch: pytest.MonkeyPatch, loading: str, tmp_path: Path
) -> None:
    """Otherwise a mapped file would win by not being read."""
    looked_at: list[int] = []

    def watch() -> None:
        look = torch.Tensor.max

        def watched(numbers: Any) -> Any:
            looked_at.append(len(numbers))
            return look(numbers)

        monkeypatch.setattr(torch.Tensor, "max", watched)

    test_61_keeping_models.test_load(Watched(watch), tmp_path, loading, 8)
    assert looked_at[:4] == [8, 8, 8, 8]


def test_all_ways_to_count_right_answers_count_the_same() -> None:
    ways: dict[str, Callable[..., int]] = test_13_elementwise.COUNTED
    classes, labels = torch.tensor([3, 1, 3, 2]), torch.tensor([3, 3, 3, 2])
    assert {count(classes, labels) for count in ways.values()} == {3}
