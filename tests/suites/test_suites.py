"""The suites: each operation once on the CPU, and what they claim of their operations."""

import os
import subprocess
import sys
import xml.etree.ElementTree
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.measure.drive.plan import COLLECT_TIMEOUT_S
from bench.measure.start.process import Spec, Worker
from bench.records import PRESET_NAMES
from tests import ROOT
from tests.suites.stand_ins import Once

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from suites import (  # noqa: E402 - only where torch is
    conftest,
    fashion,
    memory,
    network,
    photos,
    precision,
    products,
    test_01_numpy_tensors,
    test_03_matmul_mul,
    test_06_epoch,
    test_06_ways,
    ways,
)
from suites.sizes import half_octaves  # noqa: E402 - only where torch is

LONG = ("resnet18", "1024", "2048", "4194304", "16777216", "cpu-64")
"""Sizes that take long, and an epoch in small batches; `test_declared` runs each operation once as well."""


def test_each_operation_runs_once_from_any_folder(data_folder: Path, tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    command = [sys.executable, "-P", "-m", "pytest", str(ROOT / "suites"), "-p", "no:cacheprovider", "-q"]
    options = ["--benchmark-disable", f"--junitxml={junit}", "-k", f"not ({' or '.join(LONG)})"]
    settings = {"BENCH_DATA": str(data_folder), "BENCH_PRESET": "quick", "BENCH_DEVICES": "cpu"}
    done = subprocess.run(
        command + options, cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases = list(xml.etree.ElementTree.parse(junit).iter("testcase"))
    passed = {case.get("classname").rpartition(".")[2] for case in cases if case.find("skipped") is None}
    later = {"test_04_consumers", "test_05_ways", "test_06_ways"}  # all of them in longer presets
    assert passed == {path.stem for path in (ROOT / "suites").glob("test_*.py")} - later
    reasons = {case.find("skipped").get("message") for case in cases if case.find("skipped") is not None}
    here = ("no accelerator", "a single thread")  # the latter on a machine of one processor
    assert all(any(what in reason for what in here) for reason in reasons), reasons


def test_sizes_are_two_an_octave() -> None:
    assert half_octaves(16, 64) == [16, 24, 32, 48, 64]
    assert half_octaves(1, 6) == [1, 2, 3, 4, 6]


@pytest.mark.parametrize("name", ["mlp", "resnet18"])
def test_declared_operations_are_those_that_torch_counts(name: str) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        images = network.images_for(name, 3, "meta")
    with FlopCounterMode(display=False) as counter:
        predictions = network.build(name).to("meta")(images)
        forward = counter.get_total_flops()
        predictions.sum().backward()
    assert forward == network.forward_flops(name, 3)
    assert counter.get_total_flops() == network.step_flops(name, 3)


def test_course_network_has_its_weights() -> None:
    assert sum(weight.numel() for weight in network.NeuralNetwork().parameters()) == 669_706


def test_shared_memory_is_told_from_a_copy() -> None:
    array = np.arange(1.0, 9.0)
    assert test_01_numpy_tensors.shares_memory(torch.from_numpy(array), array)
    assert not test_01_numpy_tensors.shares_memory(torch.tensor(array), array)
    assert array.tolist() == list(range(1, 9))


@pytest.mark.parametrize("way", [*test_01_numpy_tensors.SHARING_AN_ARRAY])
def test_every_way_to_share_shares(way: str) -> None:
    array = np.random.default_rng(0).standard_normal(8, dtype=np.float32)
    shared = test_01_numpy_tensors.SHARING_AN_ARRAY[way](array)
    array[3] = 7
    assert shared[3] == 7


def test_a_copy_that_claims_to_share_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(test_01_numpy_tensors.SHARING_AN_ARRAY, "from_numpy", torch.tensor)
    with pytest.raises(AssertionError):
        test_01_numpy_tensors.test_share_array(Once(), "from_numpy", 8)


def test_random_numbers_start_where_they_do_for_all_devices_and_note_nothing_for_absent_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    monkeypatch.setattr(torch, "manual_seed", lambda _: pytest.fail("every device was told"))
    conftest.start_random_numbers(torch, "cpu")
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_wrong_product_is_found_out(dtype: Any) -> None:
    torch.manual_seed(0)
    a, b = products.matrices(128, dtype=dtype)
    products.check_matmul(a @ b, a, b)
    with pytest.raises(AssertionError, match="relative error"):
        products.check_matmul(a @ b * 1.1, a, b)


def test_a_long_sum_may_err_as_rounding_makes_it_and_no_more() -> None:
    torch.manual_seed(0)
    a, b = torch.randn(256, 4096), torch.randn(4096, 1)
    one_after_the_other = (a * b.T).numpy().cumsum(axis=1, dtype=np.float32)[:, -1:]
    products.check_matmul(torch.from_numpy(one_after_the_other), a, b)
    with pytest.raises(AssertionError, match="relative error"):
        products.check_matmul((a.bfloat16() @ b.bfloat16()).float(), a, b)


def test_products_in_place_keep_their_size() -> None:
    class Often(Once):
        def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
            for _ in range(1000):
                result = function(*args)
            return result

    test_03_matmul_mul.test_ways_to_mul(Often(), "cpu", "in place")


def test_waiting_for_data_is_what_the_loader_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def advance(seconds: float) -> None:
        nonlocal now
        now += seconds

    def loader() -> Iterator[int]:
        for batch in range(3):
            advance(2.0)
            yield batch

    monkeypatch.setattr(test_06_epoch, "time", SimpleNamespace(perf_counter=lambda: now))
    batches = test_06_epoch.WaitingTime(loader())
    for _ in batches:
        advance(5.0)
    assert batches.seconds == 6.0


@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_contenders_of_a_contest_are_on_one_grid_of_sizes(preset: str, tmp_path: Path) -> None:
    """Data in place and data that is moved are measured at the same sizes, or they could not meet."""
    import simulated_accelerator

    environment = simulated_accelerator.install(tmp_path) | {"BENCH_PRESET": preset}
    spec = Spec((str(ROOT / "suites"),), directory=ROOT, rootdir=ROOT, environment=environment)
    with Worker(spec) as worker:
        cases = worker.collected(COLLECT_TIMEOUT_S).cases
    contests: dict[tuple[str, str], dict[str, set[float]]] = defaultdict(lambda: defaultdict(set))
    for case in cases:
        if case.axis:
            contest = case.suite, case.operation.removesuffix("_moved")
            contender = f"{case.operation} {case.device} {case.params.get(str(case.between))}"
            contests[contest][contender].add(float(str(case.params[case.axis])))
    assert len(contests) >= (14 if preset == "quick" else 18)
    for contest, sizes in contests.items():
        assert len(sizes) >= 2, contest
        assert len(set(map(frozenset, sizes.values()))) == 1, (contest, dict(sizes))


@pytest.mark.parametrize("batch_size", [16, 64, 1024])
def test_every_batch_size_of_an_epoch_has_a_learning_rate_that_learns(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, batch_size: int
) -> None:
    monkeypatch.setenv("BENCH_DATA", str(data_folder))
    torch.manual_seed(0)
    training = test_06_epoch.Training(
        fashion.first(test_06_epoch.SUBSET, fashion.load(train=True)), batch_size, "cpu"
    )
    training.start_over()
    training.epoch()
    batches = torch.utils.data.DataLoader(fashion.first(1000, fashion.load(train=False)), batch_size=64)
    accuracy, _ = test_06_epoch.test_loop(batches, training.model, training.loss_fn, "cpu")
    assert accuracy > 5 * test_06_epoch.CHANCE


@pytest.mark.parametrize("tf32", ["off", "on"])
def test_tensorfloat_is_set_for_products_and_convolutions_alike(tf32: str) -> None:
    before = torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.allow_tf32
    put: list[tuple[Any, str, Any]] = []
    precision.set_tf32(lambda *flag: put.append(flag), tf32 == "on")
    assert [(name, value) for _, name, value in put] == [
        ("fp32_precision", "tf32" if tf32 == "on" else "ieee"),
        ("allow_tf32", tf32 == "on"),
    ]
    assert before == (torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.allow_tf32)


def test_what_no_cache_holds_is_asked_of_the_machine() -> None:
    assert memory.last_level_cache_bytes("cpu") >= 2**18


def test_a_graph_needs_a_gpu_and_compiling_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    model, images = torch.nn.Linear(2, 2), torch.ones(1, 2)
    with pytest.raises(pytest.skip.Exception, match="CUDA graphs are CUDA's; cpu has none"):
        ways.prepared("cuda graph", model, images)
    monkeypatch.setattr("shutil.which", lambda _name: None)
    with pytest.raises(pytest.skip.Exception, match=r"needs a C\+\+ compiler such as g\+\+"):
        ways.prepared("compile", model, images)


def test_a_graph_trains_on_the_batches_it_is_given_and_leaves_the_images_alone(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A graph is recorded on a GPU alone; here the call that it would record is made anew each time."""
    monkeypatch.setenv("BENCH_DATA", str(data_folder))
    monkeypatch.setattr(test_06_ways, "captured", lambda call: call)
    monkeypatch.setattr(test_06_ways, "prepared", lambda _way, model, images: (model, images))
    torch.manual_seed(0)
    images, labels = fashion.as_tensors(fashion.load(train=True), 192).tensors
    training = test_06_epoch.Training(fashion.first(192, fashion.load(train=True)), 64, "cpu")
    untouched, learned = images.clone(), {}
    for way in ("eager", "cuda graph"):
        step = test_06_ways.step_in_place(way, training, images[:64], labels[:64])
        training.start_over()
        for indices in torch.arange(192).split(64):
            step(images[indices], labels[indices])
        learned[way] = training.model.state_dict()["linear_relu_stack.0.weight"].clone()
        assert torch.equal(images, untouched)
    assert torch.equal(learned["eager"], learned["cuda graph"])
    assert not torch.equal(learned["eager"], training.untrained["linear_relu_stack.0.weight"])


def test_a_photo_is_decoded_to_another_crop_each_time() -> None:
    pytest.importorskip("PIL")
    torch.manual_seed(0)
    loaded = photos.Photos(64)
    (image, label), (again, _) = loaded[3], loaded[3]
    assert len(loaded) == photos.PHOTOS
    assert (image.shape, label) == ((3, 56, 56), 3)
    assert not torch.equal(image, again)
