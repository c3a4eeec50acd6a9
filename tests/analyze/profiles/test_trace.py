"""Traces as Kineto writes them on a GPU: what belongs to which operator, phase and gap; what pages show."""

import copy
import gzip
import json
from pathlib import Path
from unittest import mock

import pandas as pd
import pytest

from bench.analyze.profiles import operators, stacks, trace
from bench.analyze.profiles.differences import differences
from bench.analyze.profiles.merge import merged
from bench.render.explanation import lines
from bench.render.profile import entry, page
from bench.storage import profiles
from tests.analyze.profiles.made_traces import MAIN, STACKS, cuda_step, mark, operator, profile_of, span


@pytest.fixture
def read() -> trace.Trace:
    return trace.read({"traceEvents": cuda_step()})


def test_what_the_device_does_belongs_to_what_launched_it(read: trace.Trace) -> None:
    table = operators.operators(read).set_index(["name", "within"])
    assert table.loc[("aten::copy_", "transfer"), "device_s"] == pytest.approx(10e-6)
    assert table.loc[("aten::mm", "forward"), "device_s"] == pytest.approx(20e-6)
    assert table.loc[("aten::mm", "MmBackward0"), "device_s"] == pytest.approx(55e-6)
    assert table.loc[("gemm", "aten::mm"), "self_s"] == pytest.approx(75e-6)
    assert "before" not in table.index.get_level_values("name")


def test_own_time_is_without_what_is_called(read: trace.Trace) -> None:
    table = operators.operators(read).set_index("name")
    assert table.loc["aten::copy_", "self_s"] == pytest.approx(4e-6)
    assert table.loc["MmBackward0", "self_s"] == pytest.approx(10e-6)
    assert table.loc["call", "self_s"] == pytest.approx((90 - 9 - 20 - 30) * 1e-6)
    assert table.loc["aten::copy_", "shapes"] == "4x4"
    assert table.loc["aten::copy_", "types"] == "float"


def test_the_wall_time_lasts_until_the_device_is_done(read: trace.Trace) -> None:
    assert read.wall_s == pytest.approx((120 - 10) * 1e-6)


def test_phases_of_host_and_device(read: trace.Trace) -> None:
    found = operators.phases(read).set_index("phase")
    assert dict(found["host_s"].round(9)) == pytest.approx(
        {"transfer": 9e-6, "forward": 20e-6, "backward": 30e-6, "other": 51e-6}
    )
    assert dict(found["device_s"].round(9)) == pytest.approx(
        {"transfer": 10e-6, "forward": 20e-6, "backward": 55e-6, "other": 0}
    )


def test_the_time_between_kernels(read: trace.Trace) -> None:
    use = operators.device_use(read)
    assert use == pytest.approx({"busy_s": 85e-6, "idle_s": 20e-6, "gap_s": 15e-6, "gaps": 2})


def test_allocations_belong_to_the_operator_that_made_them(read: trace.Trace) -> None:
    assert list(read.memory["bytes"]) == [512, -512]
    assert set(read.memory["device"]) == {"cuda"}
    table = operators.operators(read).set_index(["name", "within"])
    assert table.loc[("aten::mm", "forward"), "allocated_bytes"] == 512


def test_without_marks_torchs_own_tell_the_phases() -> None:
    events = [
        mark("call", 0, 100, 1),
        operator("aten::linear", 0, 30, 2),
        operator("autograd::engine::evaluate_function: AddmmBackward0", 40, 30, 3),
        mark("Optimizer.step#SGD.step", 80, 20, 4),
    ]
    found = operators.phases(trace.read({"traceEvents": events})).set_index("phase")["host_s"]
    assert dict(found.round(9)) == pytest.approx(
        {"backward": 30e-6, "optimizer": 20e-6, trace.REST: 50e-6, "other": 0}
    )


def test_what_onnx_runtime_began_in_one_microsecond_lies_in_what_ended_last() -> None:
    """Its times are whole microseconds: a node may seem to take as long as what runs it, or longer."""
    names = {"onnx::MatMul": 4, "SequentialExecutor::Execute": 3, "model_run": 3}
    spans = [span("onnxruntime", name, MAIN, 12, took_us) for name, took_us in names.items()]
    table = operators.operators(trace.read({"traceEvents": [mark("call", 10, 90, 1), *spans]}))
    assert dict(zip(table["name"], table["within"], strict=True)) == {
        "call": "",
        "model_run": "call",
        "SequentialExecutor::Execute": "model_run",
        "onnx::MatMul": "SequentialExecutor::Execute",
    }


def test_a_trace_without_calls_is_refused() -> None:
    with pytest.raises(ValueError, match="marks no call"):
        trace.read({"traceEvents": [operator("aten::mm", 0, 1, 1)]})


def test_flops_are_put_to_the_operator_that_they_were_counted_for() -> None:
    raw = {
        "traceEvents": [mark("call", 0, 9, 1), operator("aten::mm", 1, 2, 5), operator("aten::mm", 4, 2, 6)]
    }
    whole = merged(raw, {"flops": {"6": 77}})
    assert [event["args"].get("flops") for event in whole["traceEvents"]] == [None, None, 77]


# What the profiler is asked for.


def test_a_device_that_kineto_knows_is_recorded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    torch_profiler = pytest.importorskip("torch.profiler")
    from bench.measure.worker.profiling.profiler import activities

    kinds = torch_profiler.ProfilerActivity
    assert activities("cpu") == [kinds.CPU]
    assert activities("no such device") == [kinds.CPU]
    monkeypatch.setattr(torch_profiler, "supported_activities", lambda: {kinds.CPU, kinds.CUDA})
    assert activities("cuda:1") == [kinds.CPU, kinds.CUDA]
    assert activities("cpu") == [kinds.CPU]


def test_phases_are_marked_while_operators_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    from bench.measure.worker.profiling.profiler import PROFILING
    from suites import test_06_epoch

    marks = mock.Mock(side_effect=torch.profiler.record_function)
    monkeypatch.setattr(torch.profiler, "record_function", marks)
    with test_06_epoch.phase("forward"):
        pass
    marks.assert_not_called()
    monkeypatch.setenv(PROFILING, "1")
    with test_06_epoch.phase("loss"):
        pass
    marks.assert_called_once_with("loss")


# What differs.


def explained(base: profiles.Profile, head: profiles.Profile) -> list[str]:
    return lines(differences(base, head))


def test_another_kernel_for_the_same_operator_is_named() -> None:
    head = copy.deepcopy(cuda_step())
    for event in head:
        if event["name"] == "gemm":
            event["name"] = "gemm_without_tensor_cores"
    (line,) = explained(profile_of(cuda_step()), profile_of(head))
    assert line.startswith("in aten::mm, gone: gemm (2 × a call); came: gemm_without_tensor_cores")


def test_retries_settings_and_versions_are_named() -> None:
    base = profile_of(cuda_step(), allocator={"retries": 0}, variables={})
    head = profile_of(cuda_step(), allocator={"retries": 3}, variables={"OMP_NUM_THREADS": "1"})
    first, second = explained(base, head)
    assert first == "OMP_NUM_THREADS: 1 instead of not set"
    assert second == "the allocator ran out of memory and freed its cache 3 time(s) in a call instead of 0"


def test_a_new_wait_comes_before_what_takes_longer() -> None:
    head = copy.deepcopy(cuda_step())
    head.append(span("cuda_runtime", "cudaStreamSynchronize", MAIN, 80, 1, **{"External id": 2}))
    head.append(operator("aten::slow", 82, 17, 30))
    found = explained(profile_of(cuda_step()), profile_of(head))
    assert found[0].startswith("came: cudaStreamSynchronize (1 × a call; the host waits for the device)")
    assert "aten::slow" in found[0]


def test_nothing_differs_between_a_profile_and_itself() -> None:
    (line,) = explained(profile_of(cuda_step()), profile_of(cuda_step()))
    assert line.startswith("nothing differs")


# Pages.


def test_a_flame_graph_leaves_out_what_runs_the_case() -> None:
    root = stacks.flame(STACKS)
    assert root.weight == 150
    (step,) = root.inner.values()
    assert step.name == "step (test_it.py:2)"
    assert step.weight == 150
    assert [inner.weight for inner in step.inner.values()] == [100]
    assert stacks.self_shares(STACKS) == pytest.approx(
        {"step (test_it.py)": 1 / 3, "<collate> (collate.py)": 2 / 3}
    )


def test_the_page_escapes_names_and_asks_for_nothing_from_elsewhere() -> None:
    html = page(profile_of(cuda_step()))
    assert "test_<b>" not in html
    assert "<collate>" not in html
    assert "a <b> note" not in html
    assert not [
        part for part in ("<script src", '<link rel="stylesheet', "@import", "fetch(") if part in html
    ]
    assert "50 %" in html.replace("\N{NARROW NO-BREAK SPACE}", " ") or "backward" in html


def test_a_reports_line_has_phases_and_the_costliest_operators() -> None:
    said = entry(profile_of(cuda_step()), "profiles/x/profile.html")
    assert [part["name"] for part in said["phases"]] == ["transfer", "forward", "backward", "other"]
    assert sum(part["share"] for part in said["phases"]) == pytest.approx(1)
    assert said["top"][0].startswith("gemm")


def test_a_reader_gets_back_what_was_written(tmp_path: Path) -> None:
    made = profile_of(cuda_step())
    folder = tmp_path / profiles.slug(made.case)
    profiles.write(
        folder, made.about, {"traceEvents": cuda_step()}, made.operators, made.memory, made.phases, None
    )
    back = profiles.read(folder)
    assert back.about == made.about
    pd.testing.assert_frame_equal(back.operators, made.operators, check_dtype=False, check_categorical=False)
    trace = json.loads(gzip.decompress((folder / profiles.TRACE).read_bytes()))
    assert trace == {"traceEvents": cuda_step()}
    assert back.stacks is None
