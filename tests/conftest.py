"""What all tests share."""

import os

import pytest
import torch
from hypothesis import settings
from jupyter_client.manager import KernelManager

from colorlab.course.browser import find_browser
from colorlab.course.kernel import ENCRYPTION

KernelManager.transport_encryption.default_value = ENCRYPTION  # as `colorlab run` has it

# On a busy machine an example may take a second: how long it takes is no fault of what it shows.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

# The tensors here are tiny. Where the cores are busy with something else, a second thread waits for its
# turn at every operation: one thread was measured to be 20 times faster then, and no slower on idle cores.
torch.set_num_threads(1)

# ---- the browser that the tests in tests/browser drive -------------------------------------------

NO_BROWSER = "no browser was found"
INSTALL_ONE = (
    "Install one (Debian, Ubuntu: `apt-get install chromium`) or name the program of a Chromium or Chrome "
    "in the environment variable CHROMIUM."
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a browser. Without one the test is skipped, or fails if COLORLAB_REQUIRE_BROWSER is 1."""
    path = find_browser()
    if path is None:
        give_up = pytest.fail if os.environ.get("COLORLAB_REQUIRE_BROWSER") == "1" else pytest.skip
        give_up(f"{NO_BROWSER}. {INSTALL_ONE}")
    return path


def pytest_terminal_summary(terminalreporter) -> None:
    skipped = [
        report for report in terminalreporter.getreports("skipped") if NO_BROWSER in str(report.longrepr)
    ]
    if skipped:
        terminalreporter.section(NO_BROWSER.upper(), red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} TESTS OF THE WIDGETS IN A BROWSER WERE SKIPPED. {INSTALL_ONE}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """As --dist loadscope, but the notebooks in the browser, minutes together, are shared among the workers."""
    from xdist.scheduler import LoadScopeScheduling

    class NotebookByNotebook(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            in_browser = nodeid.startswith("tests/browser/test_notebooks.py")
            return nodeid.split("-cell")[0] if in_browser else super()._split_scope(nodeid)

    return NotebookByNotebook(config, log) if config.getoption("dist") == "loadscope" else None
