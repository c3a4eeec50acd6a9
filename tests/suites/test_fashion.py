"""The dataset: real files first, else generated ones of the same format."""

import pickle
from pathlib import Path

import pytest

from tests.suites.stand_ins import TEST, TRAIN

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from suites import fashion, test_06_epoch  # noqa: E402 - only where torch is


def test_generated_files_are_what_torchvision_reads(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(data_folder))
    training, test = fashion.load(train=True), fashion.load(train=False, one_hot_labels=True)
    assert (len(training), len(test), training.source) == (TRAIN, TEST, "generated")
    image, label = training[0]
    assert image.shape == (1, 28, 28)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < image.max() <= 1
    assert label in range(10)
    assert test[0][1].tolist().count(1) == 1


def test_generated_files_are_the_same_every_time(data_folder: Path, tmp_path: Path) -> None:
    fashion.generate(tmp_path, TRAIN, TEST)
    for again in (tmp_path / fashion.RAW).iterdir():
        assert again.read_bytes() == (data_folder / fashion.GENERATED / fashion.RAW / again.name).read_bytes()


def test_generated_classes_can_be_learned_but_not_at_once(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(data_folder))
    torch.manual_seed(0)
    training = test_06_epoch.Training(fashion.load(train=True), 64, "cpu")
    test_batches = torch.utils.data.DataLoader(fashion.load(train=False), batch_size=500)
    training.start_over()
    training.epoch()
    accuracy, _ = test_06_epoch.test_loop(test_batches, training.model, training.loss_fn, "cpu")
    assert 0.6 < accuracy < 0.95
    training.start_over()
    untrained, _ = test_06_epoch.test_loop(test_batches, training.model, training.loss_fn, "cpu")
    assert untrained < 0.3


def test_real_files_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setattr(fashion, "download", lambda root: fashion.generate(root, 1, 1))
    assert fashion.prepare() == (tmp_path, "FashionMNIST")
    monkeypatch.setattr(fashion, "download", None)  # not asked for again
    assert fashion.prepare() == (tmp_path, "FashionMNIST")


def test_a_download_that_breaks_off_leaves_nothing_and_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(root: Path) -> None:
        (root / fashion.RAW).mkdir(parents=True)
        (root / fashion.RAW / "train-images-idx3-ubyte").write_bytes(b"half")
        raise ConnectionResetError

    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setattr(fashion, "download", break_off)
    monkeypatch.setattr(fashion, "generate", lambda root, make=fashion.generate: make(root, 1, 1))
    assert fashion.prepare() == (tmp_path / fashion.GENERATED, "generated")
    assert [path.name for path in tmp_path.iterdir()] == [fashion.GENERATED]


def test_two_processes_may_prepare_the_files_at_once(tmp_path: Path) -> None:
    def fill_after_another(root: Path) -> None:
        fashion.generate(tmp_path, 1, 1)
        fashion.generate(root, 1, 1)

    fashion._put(tmp_path, fill_after_another)
    assert fashion.complete(tmp_path)


def test_one_hot_labels_reach_workers_that_are_not_forked() -> None:
    from torchvision.transforms import Lambda

    label = pickle.loads(pickle.dumps(Lambda(fashion.one_hot)))(3)
    assert label.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
