"""Notebooks with bins also run with other bins than those committed."""

import pytest

from colorlab.course import notebooks as course
from colorlab.course.parameters import parameters, plan
from colorlab.course.running import run

pytestmark = pytest.mark.slow

WITH_BINS = [path for path in course.notebooks() if "grid_size" in parameters(path)]


def test_the_notebooks_about_bins_have_the_parameter():
    assert {path.stem for path in WITH_BINS} >= {"06_color_bins", "07_classification"}


@pytest.mark.parametrize("path", WITH_BINS, ids=lambda path: path.stem)
def test_a_notebook_runs_with_a_coarser_grid(path, tmp_path):
    (outcome,) = run(plan([path], [("grid_size", "20"), ("preset", "smoke")]), tmp_path)
    assert outcome.error is None
    assert "Q = 77" in (tmp_path / path.name).read_text(encoding="utf-8")
