"""Links between host and device: their fit against closed forms, and what is kept of their copies."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.devices import available, best, links

SIZES = [2.0**exponent for exponent in range(10, 28, 3)]


@given(latency_s=st.floats(1e-7, 1e-2), bytes_per_s=st.floats(1e6, 1e13))
def test_a_link_is_found_from_its_own_times(latency_s: float, bytes_per_s: float) -> None:
    seconds = [latency_s + size / bytes_per_s for size in SIZES]
    link = links.fit_link(SIZES, seconds)
    predicted = [link["latency_s"] + size / link["bytes_per_s"] for size in SIZES]
    assert predicted == pytest.approx(seconds, rel=1e-6)


def test_a_link_weighs_errors_by_their_share() -> None:
    """One percent on the largest copy, 100 latencies long, leaves the latency within a few percent."""
    seconds = [1e-5 + size / 1e10 for size in SIZES]
    seconds[-1] *= 1.01
    assert links.fit_link(SIZES, seconds)["latency_s"] == pytest.approx(1e-5, rel=0.03)


def test_what_the_host_adds_does_not_move_the_bandwidth() -> None:
    """It varies by a third from size to size, and is 10 % of a middling copy."""
    rng = np.random.default_rng(1)
    off = []
    for _ in range(200):
        seconds = [1e-4 * rng.uniform(0.7, 1.3) + size / 5e8 for size in SIZES]
        off.append(abs(links.fit_link(SIZES, seconds)["bytes_per_s"] / 5e8 - 1))
    assert np.mean(off) < 0.002
    assert max(off) < 0.006


def test_a_latency_is_never_negative() -> None:
    link = links.fit_link([1e3, 1e6], [1e-7, 2e-4])
    assert link["latency_s"] == 0.0


def test_a_link_that_gets_slower_keeps_the_latency_that_small_copies_show() -> None:
    """Pageable copies read on a GPU: beyond a cache of 300 MB the processor's half takes twice as long."""
    seconds = [28.6e-6, 29.7e-6, 47.1e-6, 74.2e-6, 371e-6, 2.43e-3, 50e-3]
    sizes = [2.0**exponent for exponent in range(10, 29, 3)]
    assert 19e-6 <= links.fit_link(sizes, seconds)["latency_s"] <= 28.6e-6


def test_two_points_are_a_line() -> None:
    link = links.fit_link([0.0, 1e6], [1e-5, 1.1e-4])
    assert link == pytest.approx({"latency_s": 1e-5, "bytes_per_s": 1e10})


def test_a_link_keeps_the_copies_that_its_line_goes_through(simulated: ModuleType) -> None:
    p = simulated.timeline.parameters
    for link in links.links(best.Best(available.get("sim"))).values():
        assert link["sizes"][0] == 2**10
        assert link["seconds"] == pytest.approx(
            [
                p.launch_s + p.copy_latency_s + p.synchronize_s + size / p.copy_bytes_per_s
                for size in link["sizes"]
            ],
            rel=0.1,
        )
        assert link["best_bytes_per_s"] == max(
            size / seconds for size, seconds in zip(link["sizes"], link["seconds"], strict=True)
        )
