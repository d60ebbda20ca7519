"""While tests run, the shapes and types written in the library are checked against what passes through."""

import os

import jaxtyping
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ["OMP_NUM_THREADS"] = "1"  # files of tests run side by side, each on a core of its own
# the packages through which arrays pass; a whole number will do where a float is asked for
SHAPED = [f"mini_model.{name}" for name in ("world", "model", "process", "data", "training", "evaluation")]
CHECKER = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
jaxtyping.install_import_hook(SHAPED, CHECKER)


@pytest.fixture
def unchecked():
    """For a test that hands over a wrong type on purpose, to hear what the library itself says of it."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
