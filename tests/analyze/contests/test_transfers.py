"""What moving data adds, from a link's line and from the copies that it was drawn through."""

import pytest

from bench.analyze.contests.transfers import transfers

LINE = {"latency_s": 1e-5, "bytes_per_s": 1e9}


def seconds(link: dict[str, object], moved: float) -> float:
    return float(transfers({"to_device": link}, [{"input_bytes": moved}])["inputs"][0])


def test_a_link_without_its_copies_takes_what_its_line_says() -> None:
    assert seconds({**LINE}, 1e6) == pytest.approx(1e-5 + 1e-3)
    assert seconds({**LINE}, 0) == 0


def test_a_link_that_is_no_straight_line_takes_what_its_copies_show() -> None:
    """Ordinary memory: 13.7 GB/s at 16 MiB on an H200's host, where the line through 256 MiB said 8.4."""
    sizes = [2.0**10, 2.0**20, 2.0**24]
    read = [1e-5, 0.5e-3, 16e-3]
    curved = {**LINE, "sizes": sizes, "seconds": read}
    assert [seconds(curved, size) for size in sizes] == pytest.approx(read)
    between = seconds(curved, 2.0**22)
    assert 0.5 < between / (1e-5 + 2.0**22 / 1e9) < 1
    on_the_line = {**LINE, "sizes": sizes, "seconds": [1e-5 + size / 1e9 for size in sizes]}
    assert seconds(on_the_line, 3e6) == pytest.approx(1e-5 + 3e-3)
