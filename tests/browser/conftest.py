"""Fixtures: a browser, a JupyterLab that serves a copy of the course, and Voila."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from colorlab.course.copies import copy_to
from colorlab.course.kernel import ENCRYPTION

FLAGS = ["--no-sandbox", "--disable-gpu"]  # a container has neither


# A module and no longer: while Playwright is open it keeps an event loop running in this thread, and other
# tests of the same worker start their own.
@pytest.fixture(scope="module")
def browser(chromium):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page(browser):
    page = browser.new_page(viewport={"width": 1300, "height": 1100})
    page.set_default_timeout(60_000)  # milliseconds; a busy machine takes its time
    return page


@pytest.fixture(scope="session")
def lab(chromium, tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """A JupyterLab without a token on loopback: its address, and the folder with a copy of the course."""
    folder, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("lab")
    copy_to(folder)
    quiet = home / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}')  # no question over the first cells
    options = {
        "IdentityProvider.token": "",
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.expose_app_in_browser": True,  # as window.jupyterapp
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.root_dir": folder,
        "MappingKernelManager.transport_encryption": ENCRYPTION,
    }
    environment = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
    }
    arguments = ["jupyterlab", "--allow-root", "--no-browser", *(f"--{k}={v}" for k, v in options.items())]
    with serve(arguments, "ServerApp.port", "/api", environment, home / "log") as url:
        yield url, folder


@pytest.fixture(scope="session")
def voila(chromium, tmp_path_factory) -> Iterator[str]:
    """Voila on loopback, serving a copy of the course: its address."""
    folder, home = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("voila")
    copy_to(folder)
    arguments = [
        "voila",
        str(folder),
        "--no-browser",
        "--Voila.ip=127.0.0.1",
        f"--MappingKernelManager.transport_encryption={ENCRYPTION}",
    ]
    environment = {"JUPYTER_CONFIG_DIR": home / "config"}
    with serve(arguments, "Voila.port", "/", environment, home / "log") as url:
        yield url


@contextmanager
def serve(
    arguments: list[str], port_option: str, probe: str, environment: dict[str, Path], log: Path
) -> Iterator[str]:
    """Run `python -m …` on a free port of loopback until it answers at `probe`; end it afterwards."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    smoke = {"COLORLAB_PRESET": "smoke", "OMP_NUM_THREADS": "1"}
    with open(log, "w") as lines:
        server = subprocess.Popen(
            [sys.executable, "-m", *arguments, f"--{port_option}={port}"],
            env={**os.environ, **smoke, **{name: str(path) for name, path in environment.items()}},
            stdout=lines,
            stderr=lines,
        )
    try:
        end = time.monotonic() + 300  # a busy machine takes a minute
        while not answers(url + probe):
            assert server.poll() is None and time.monotonic() < end, log.read_text()
            time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(60)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False
