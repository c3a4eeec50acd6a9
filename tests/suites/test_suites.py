"""The suites: their data, their checks, each operation once on the CPU, and what only a GPU would run."""

import contextlib
import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from tests import ROOT

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

sys.path.append(str(ROOT))  # `suites` is not installed

from suites import (  # noqa: E402 - only now can it be found
    fashion,
    network,
    test_01_numpy_tensors,
    test_02_host_device,
    test_03_matmul_mul,
    test_05_forward_backward,
    test_06_epoch,
    test_07_onnxruntime,
)
from suites.sizes import half_octaves  # noqa: E402 - as above

TRAIN, TEST = 6400, 1000  # as many images as the suites use in quick


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory):
    """A folder for BENCH_DATA that holds a small generated dataset, so that nothing is downloaded."""
    folder = tmp_path_factory.mktemp("data")
    fashion.generate(folder / fashion.GENERATED, TRAIN, TEST)
    return folder


class Once:
    """Stands in for the `benchmark` fixture: calls once."""

    def __init__(self):
        self.extra_info = {}

    def __call__(self, function, *args, **kwargs):
        return function(*args, **kwargs)


# --- every operation, once


def test_each_operation_runs_once_from_any_folder(data_folder, tmp_path):
    junit = tmp_path / "junit.xml"
    command = [sys.executable, "-P", "-m", "pytest", str(ROOT / "suites"), "-p", "no:cacheprovider", "-q"]
    options = [
        "--benchmark-disable",
        f"--junitxml={junit}",
        "-k",
        "not resnet18 and not 2048 and not 16777216",
    ]
    settings = {"BENCH_DATA": str(data_folder), "BENCH_PRESET": "quick", "BENCH_DEVICES": "cpu"}
    done = subprocess.run(
        command + options, cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cases = list(xml.etree.ElementTree.parse(junit).iter("testcase"))
    passed = {case.get("classname").rpartition(".")[2] for case in cases if case.find("skipped") is None}
    assert passed == {path.stem for path in (ROOT / "suites").glob("test_*.py")}
    reasons = {case.find("skipped").get("message") for case in cases if case.find("skipped") is not None}
    here = ("no accelerator", "a single thread")  # the latter on a machine of one processor
    assert all(any(what in reason for what in here) for reason in reasons), reasons


# --- the dataset


def test_generated_files_are_what_torchvision_reads(data_folder, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(data_folder))
    training, test = fashion.load(train=True), fashion.load(train=False, one_hot_labels=True)
    assert (len(training), len(test), training.source) == (TRAIN, TEST, "generated")
    image, label = training[0]
    assert image.shape == (1, 28, 28)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < image.max() <= 1
    assert label in range(10)
    assert test[0][1].tolist().count(1) == 1


def test_generated_files_are_the_same_every_time(data_folder, tmp_path):
    fashion.generate(tmp_path, TRAIN, TEST)
    for again in (tmp_path / fashion.RAW).iterdir():
        assert again.read_bytes() == (data_folder / fashion.GENERATED / fashion.RAW / again.name).read_bytes()


def test_generated_classes_can_be_learned_but_not_at_once(data_folder, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(data_folder))
    torch.manual_seed(0)
    training = test_06_epoch.Training(fashion.load(train=True), 64, "cpu")
    test_batches = torch.utils.data.DataLoader(fashion.load(train=False), batch_size=500)
    training.first_epoch()
    accuracy, _ = test_06_epoch.test_loop(test_batches, training.model, training.loss_fn, "cpu")
    assert 0.6 < accuracy < 0.95
    training.start_over()
    untrained, _ = test_06_epoch.test_loop(test_batches, training.model, training.loss_fn, "cpu")
    assert untrained < 0.3


def test_real_files_come_first(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setattr(fashion, "download", lambda root: fashion.generate(root, 1, 1))
    assert fashion.prepare() == (tmp_path, "FashionMNIST")
    monkeypatch.setattr(fashion, "download", None)  # not asked for again
    assert fashion.prepare() == (tmp_path, "FashionMNIST")


def test_a_download_that_breaks_off_leaves_nothing_and_is_replaced(tmp_path, monkeypatch):
    def break_off(root):
        (root / fashion.RAW).mkdir(parents=True)
        (root / fashion.RAW / "train-images-idx3-ubyte").write_bytes(b"half")
        raise ConnectionResetError

    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    monkeypatch.setattr(fashion, "download", break_off)
    monkeypatch.setattr(fashion, "generate", lambda root, make=fashion.generate: make(root, 1, 1))
    assert fashion.prepare() == (tmp_path / fashion.GENERATED, "generated")
    assert [path.name for path in tmp_path.iterdir()] == [fashion.GENERATED]


def test_two_processes_may_prepare_the_files_at_once(tmp_path):
    def fill_after_another(root):
        fashion.generate(tmp_path, 1, 1)
        fashion.generate(root, 1, 1)

    fashion._put(tmp_path, fill_after_another)
    assert fashion.complete(tmp_path)


def test_one_hot_labels_reach_workers_that_are_not_forked():
    from torchvision.transforms import Lambda

    label = pickle.loads(pickle.dumps(Lambda(fashion.one_hot)))(3)
    assert label.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


# --- what the suites claim of their operations


def test_sizes_are_two_an_octave():
    assert half_octaves(16, 64) == [16, 24, 32, 48, 64]
    assert half_octaves(1, 6) == [1, 2, 3, 4, 6]


@pytest.mark.parametrize("name", ["mlp", "resnet18"])
def test_declared_operations_are_those_that_torch_counts(name):
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        images = network.images_for(name, 3, "meta")
    with FlopCounterMode(display=False) as counter:
        predictions = network.build(name).to("meta")(images)
        forward = counter.get_total_flops()
        predictions.sum().backward()
    assert forward == network.forward_flops(name, 3)
    assert counter.get_total_flops() == network.step_flops(name, 3)


def test_course_network_has_its_weights():
    assert sum(weight.numel() for weight in network.NeuralNetwork().parameters()) == 669_706


def test_shared_memory_is_told_from_a_copy():
    array = np.arange(1.0, 9.0)
    assert test_01_numpy_tensors.shares_memory(torch.from_numpy(array), array)
    assert not test_01_numpy_tensors.shares_memory(torch.tensor(array), array)
    assert array.tolist() == list(range(1, 9))


@pytest.mark.parametrize("way", [*test_01_numpy_tensors.SHARING_AN_ARRAY])
def test_every_way_to_share_shares(way):
    array = np.random.default_rng(0).standard_normal(8, dtype=np.float32)
    shared = test_01_numpy_tensors.SHARING_AN_ARRAY[way](array)
    array[3] = 7
    assert shared[3] == 7


def test_a_copy_that_claims_to_share_is_found_out(monkeypatch):
    monkeypatch.setitem(test_01_numpy_tensors.SHARING_AN_ARRAY, "from_numpy", torch.tensor)
    with pytest.raises(AssertionError):
        test_01_numpy_tensors.test_share_array(Once(), np.random.default_rng(0), "from_numpy", 8)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_wrong_product_is_found_out(dtype):
    torch.manual_seed(0)
    a, b = test_03_matmul_mul.matrices(128, dtype=dtype)
    test_03_matmul_mul.check_matmul(a @ b, a, b)
    with pytest.raises(AssertionError, match="relative error"):
        test_03_matmul_mul.check_matmul(a @ b * 1.1, a, b)


def test_products_in_place_keep_their_size():
    class Often(Once):
        def __call__(self, function, *args):
            for _ in range(1000):
                result = function(*args)
            return result

    test_03_matmul_mul.test_ways_to_mul(Often(), "cpu", "in place")


def test_waiting_for_data_is_what_the_loader_takes(monkeypatch):
    now = 0.0

    def advance(seconds):
        nonlocal now
        now += seconds

    def loader():
        for batch in range(3):
            advance(2.0)
            yield batch

    monkeypatch.setattr(test_06_epoch, "time", SimpleNamespace(perf_counter=lambda: now))
    batches = test_06_epoch.WaitingTime(loader())
    for _ in batches:
        advance(5.0)
    assert batches.seconds == 6.0


# --- what only a GPU would run


OPERATIONS_ON_A_DEVICE = [
    (test_02_host_device.test_copy_within, {"n": 8}),
    (test_02_host_device.test_to_device, {"memory": "pageable", "n": 8}),
    (test_02_host_device.test_to_host, {"destination": "fresh", "n": 8}),
    (
        test_02_host_device.test_ways_to_device,
        {"memory": "pageable", "destination": "fresh", "waiting": "blocking"},
    ),
    (test_02_host_device.test_ways_to_host, {"destination": "pageable", "waiting": "blocking"}),
    (test_03_matmul_mul.test_matmul, {"n": 8}),
    (test_03_matmul_mul.test_mul, {"n": 8}),
    (test_03_matmul_mul.test_matmul_against_mul, {"product": "matmul", "n": 8}),
    *((test_03_matmul_mul.test_ways_to_matmul, {"way": way}) for way in ("a @ b", "torch.matmul", "out=")),
    *(
        (test_03_matmul_mul.test_ways_to_mul, {"way": way})
        for way in ("a * b", "torch.mul", "out=", "in place")
    ),
    *((test_03_matmul_mul.test_matmul_dtype, {"dtype": dtype}) for dtype in ("float64", "bfloat16")),
    *(
        (operation, {"trip": trip, "n": 8})
        for operation in (test_03_matmul_mul.test_matmul_moved, test_03_matmul_mul.test_mul_moved)
        for trip in ("inputs pageable", "round_trip pageable")
    ),
    (test_05_forward_backward.test_forward, {"batch": 2}),
    (test_05_forward_backward.test_forward_moved, {"trip": "round_trip pageable", "batch": 2}),
    (test_05_forward_backward.test_forward_resnet18, {"batch": 2}),
    *(
        (test_05_forward_backward.test_forward_modes, {"network": "mlp", "mode": mode})
        for mode in test_05_forward_backward.MODES
    ),
    (test_05_forward_backward.test_loss, {"network": "mlp"}),
]


OWN_PROCESS = "BENCH_TESTS_FAKE_TENSORS"
in_own_process = pytest.mark.skipif(
    OWN_PROCESS not in os.environ, reason="run by test_operands_in_a_process_of_their_own"
)


def test_operands_in_a_process_of_their_own():
    """The simulated accelerator, once registered, takes the place of the fake one for good."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        __file__,
        "-q",
        "-k",
        "operands_lie or test_an_operand_on_the_wrong_device_is_found_out",
        "-p",
        "no:cacheprovider",
    ]
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        command, capture_output=True, text=True, env={**outside, OWN_PROCESS: "1"}, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout.splitlines()[-1]


@in_own_process
@pytest.mark.parametrize(
    ("operation", "parameters"),
    OPERATIONS_ON_A_DEVICE,
    ids=[f"{operation.__name__}-{'-'.join(map(str, p.values()))}" for operation, p in OPERATIONS_ON_A_DEVICE],
)
def test_operands_lie_on_the_device(monkeypatch, operation, parameters):
    """Without a GPU fake tensors carry a device, and no values: so the test ends where it looks at those."""
    from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

    results = []

    class Kept(Once):
        def __call__(self, function, *args, **kwargs):
            results.append(function(*args, **kwargs))
            return results[0]

    monkeypatch.setattr(test_05_forward_backward, "build", build_on_cuda)
    monkeypatch.setattr(torch.nn.Module, "to", lambda module, _device: module)
    with FakeTensorMode(), contextlib.suppress(DataDependentOutputException):
        operation(Kept(), device="cuda", **parameters)
    (result,) = results
    back = "to_host" in operation.__name__ or "round_trip" in parameters.get("trip", "")
    expected = "cpu" if back else "cuda"
    assert result.device.type == expected


def build_on_cuda(name):
    """A network of fake weights, made where it is to be: fake ones cannot be moved with `.to(device)`."""
    from torchvision.models import resnet18

    with torch.device("cuda"):
        return network.NeuralNetwork() if name == "mlp" else resnet18(weights=None)


@in_own_process
def test_an_operand_on_the_wrong_device_is_found_out():
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(), pytest.raises(RuntimeError, match="device"):
        torch.matmul(torch.rand(2, 2, device="cuda"), torch.rand(2, 2))


def test_onnxruntime_gets_the_stream_that_torch_works_on(monkeypatch):
    cuda = mock.create_autospec(torch.cuda)
    cuda.Stream.return_value.cuda_stream = 1234
    monkeypatch.setattr(torch, "cuda", cuda)
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    with test_07_onnxruntime.own_stream("cuda:1") as stream:
        name, options = test_07_onnxruntime.provider("cuda:1", stream)
    cuda.device.assert_called_once_with("cuda:1")
    cuda.stream.assert_called_once_with(stream)
    assert name == "CUDAExecutionProvider"
    assert options["device_id"] == "1"
    assert options["user_compute_stream"] == "1234"
    assert options["use_tf32"] == "0"


def test_a_session_that_fell_back_to_the_cpu_is_refused(monkeypatch):
    onnxruntime = pytest.importorskip("onnxruntime")
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    fallen_back = mock.create_autospec(onnxruntime.InferenceSession)
    fallen_back.return_value.get_providers.return_value = ["CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "InferenceSession", fallen_back)
    with pytest.raises(AssertionError, match="instead of CUDAExecutionProvider"):
        test_07_onnxruntime.start_session("network.onnx", "cuda", SimpleNamespace(cuda_stream=1))


def test_a_device_unknown_to_onnxruntime_is_skipped_with_a_reason():
    pytest.importorskip("onnxruntime")
    with pytest.raises(pytest.skip.Exception, match="nothing that computes on mps"):
        test_07_onnxruntime.provider("mps", None)


def test_tf32_needs_a_gpu_that_has_it(monkeypatch):
    cuda = mock.create_autospec(torch.cuda)
    cuda.get_device_capability.return_value = (7, 5)
    monkeypatch.setattr(torch, "cuda", cuda)
    with pytest.raises(pytest.skip.Exception, match="cuda has no TensorFloat-32"):
        test_03_matmul_mul.test_matmul_tf32(Once(), None, "cuda", "on", 8)
    cuda.get_device_capability.assert_called_once_with("cuda")
