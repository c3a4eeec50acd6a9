"""Fixtures that several tests of the suites share."""

from pathlib import Path

import pytest

from tests.suites.stand_ins import TEST, TRAIN


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for BENCH_DATA that holds a small generated dataset, so that nothing is downloaded."""
    from suites import fashion

    folder = tmp_path_factory.mktemp("data")
    fashion.generate(folder / fashion.GENERATED, TRAIN, TEST)
    return folder
