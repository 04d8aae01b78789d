"""Where there is no browser the tests say so loudly, or fail if one is required."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TEST = Path(__file__).with_name("test_voila.py")


def pytest_without_browser(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments, str(TEST)],
        env={**os.environ, "COLORLAB_REQUIRE_BROWSER": "", "CHROMIUM": "/no/such/browser", **environment},
        cwd=TEST.parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_a_browser_the_tests_are_skipped_and_the_summary_says_so():
    run = pytest_without_browser("-n", "1", "--dist", "loadscope")  # as `make test` calls it
    assert run.returncode == 0, run.stdout
    assert "NO BROWSER WAS FOUND" in run.stdout
    assert "1 TESTS OF THE WIDGETS IN A BROWSER WERE SKIPPED" in run.stdout
    assert "apt-get install chromium" in run.stdout
    assert "1 skipped" in run.stdout


def test_a_required_browser_that_is_missing_is_a_failure():
    run = pytest_without_browser(COLORLAB_REQUIRE_BROWSER="1")
    assert run.returncode == 1
    assert "1 error" in run.stdout and "no browser was found" in run.stdout
    assert "1 skipped" not in run.stdout


def test_without_the_variable_the_path_is_searched():
    run = pytest_without_browser(CHROMIUM="", PATH="/no/such/folder")
    assert "NO BROWSER WAS FOUND" in run.stdout
