"""Six changes planted in a small training loop: each is named in the first three lines of an explanation.

The profiles are real ones, made by a worker on this machine's processor.
"""

from pathlib import Path

import pytest

from bench.analyze.profiles.differences import differences
from bench.app import profile
from bench.measure.drive import profile_run
from bench.measure.start.process import Spec
from bench.records import Case
from bench.render.explanation import lines
from bench.storage import profiles

pytest.importorskip("torch")
pytestmark = pytest.mark.machine  # which change comes first is a matter of real times

SUITE = """
import pytest, torch
from torch.nn import functional

class Images(torch.utils.data.Dataset):
    def __len__(self):
        return 32

    def __getitem__(self, index):
        return torch.full((32,), float(index)), index % 10

def unfused(predictions, labels):
    return (predictions.exp().sum(1).log() - predictions.gather(1, labels[:, None])[:, 0]).mean()

def train(benchmark, seen=lambda images: images.view(16, 32), loss_fn=functional.cross_entropy,
          dtype=torch.float32, after=lambda loss: None, threads=2):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    model = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)).to(dtype)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    images, labels = torch.rand(16, 4, 8), torch.randint(10, (16,))

    def step():
        loss = loss_fn(model(seen(images)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        after(loss)

    try:
        benchmark(step)
    finally:
        torch.set_num_threads(before)

def test_train(benchmark):
    train(benchmark)

def test_train_again(benchmark):
    train(benchmark)

def test_item(benchmark):
    train(benchmark, after=lambda loss: loss.item())

def test_upcast(benchmark):
    train(benchmark, seen=lambda images: images.view(16, 32).double(), dtype=torch.float64)

def test_copy(benchmark):
    train(benchmark, seen=lambda images: images.clone().view(16, 32))

def test_thread(benchmark):
    train(benchmark, threads=1)

def test_unfused(benchmark):
    train(benchmark, loss_fn=unfused)

@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("workers", [2, 1])
def test_load(benchmark, workers):
    loader = torch.utils.data.DataLoader(Images(), batch_size=16, num_workers=workers)
    benchmark(lambda: sum(len(images) for images, _ in loader))
"""

PLANTED = {
    "an extra .item() a step": ("test_train", "test_item", ("came: aten::item", "the host waits")),
    "a float64 upcast": ("test_train", "test_upcast", ("float64 instead of float32", "aten::addmm")),
    "a copy instead of a view": ("test_train", "test_copy", ("came: aten::clone", "a copy")),
    "a lost worker": ("test_load[2]", "test_load[1]", ("1 worker process(es)", "instead of 2")),
    "a lost thread": ("test_train", "test_thread", ("1 thread(s) instead of 2",)),
    "an unfused loss": (
        "test_train",
        "test_unfused",
        ("gone: aten::cross_entropy_loss", "came: ", "aten::exp"),
    ),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the profiles of all cases."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "test_it.py").write_text(SUITE)
    spec = Spec((str(folder),), directory=folder, rootdir=folder)
    tests = dict.fromkeys(test for base, head, _ in PLANTED.values() for test in (base, head))
    cases = [Case(f"test_it.py::{test}", "test_it", test) for test in (*tests, "test_train_again")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(profile_run, "py_spy", lambda: None)  # stacks are not needed, and take their time
        assert all(profile.write(folder, spec, cases))
    return folder


def told(run: Path, base: str, head: str) -> list[str]:
    """What differs between the profiles of two tests."""
    found = [profiles.of_case(run, f"test_it.py::{test}") for test in (base, head)]
    return lines(differences(*(profiles.read(folder) for folder in found if folder)))


@pytest.mark.parametrize("change", PLANTED)
def test_a_planted_change_is_named_in_the_first_three_lines(run: Path, change: str) -> None:
    base, head, words = PLANTED[change]
    found = told(run, base, head)
    first = "\n".join(found[:3])
    assert all(word in first for word in words), "\n".join(found)


def test_the_same_code_twice_differs_in_nothing_but_times(run: Path) -> None:
    found = told(run, "test_train", "test_train_again")
    assert not any(word in line for line in found for word in ("came", "gone", "often", "float", "thread(s)"))
