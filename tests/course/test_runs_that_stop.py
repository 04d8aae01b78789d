"""Runs that stop when they are told to, and stay quiet until then."""

import itertools
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from jupyter_client.provisioning import LocalProvisioner
from small_notebooks import write

from colorlab.commands import run as command
from colorlab.course import execution
from colorlab.course.parameters import plan
from colorlab.course.running import run

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "colorlab", "run"]
# A cell that computes, holds a process of its own, and says when it has begun.
BUSY = """import subprocess, sys
from pathlib import Path
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
Path({begun!r}).touch()
while True: sum(range(10**6))"""


def soon(holds: Callable[[], object], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return bool(holds())


def drain(terminal: int) -> None:
    with suppress(OSError):  # nobody is left who writes
        while os.read(terminal, 4096):
            pass


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@pytest.fixture
def busy(tmp_path) -> tuple[list[str], Path]:
    """The command that runs three notebooks of which the first never ends; the file it makes once it has begun."""
    begun = tmp_path / "begun"
    paths = [write(tmp_path / "1_busy.ipynb", BUSY.format(begun=str(begun)))]
    paths += [write(tmp_path / f"{n}.ipynb", "print(1)") for n in ("2_next", "3_last")]
    return [*COMMAND, *map(str, paths), "--out", str(tmp_path / "out")], begun


def assert_all_ended(process: subprocess.Popen, begun: Path, stop: Callable[[], None]) -> str:
    """Once the first cell computes, `stop`: after 5 seconds nothing lives, and this is the report."""
    assert soon(begun.exists, 240)  # a busy machine takes its time
    children = psutil.Process(process.pid).children(recursive=True)
    assert len(children) >= 2  # the kernel, and the process that its cell began
    stop()
    assert soon(lambda: not alive(children), 5), alive(children)
    process.wait(240)  # its report is written meanwhile
    assert not list((begun.parent / "out").glob("*_busy.ipynb"))
    return (begun.parent / "out" / "index.html").read_text(encoding="utf-8")


def test_control_c_in_a_terminal_ends_everything_and_leaves_a_report(busy):
    arguments, begun = busy
    terminal, inside = pty.openpty()

    def foreground() -> None:
        os.setsid()
        os.close(os.open(os.ttyname(inside), os.O_RDWR))  # it becomes the terminal of this session

    process = subprocess.Popen(arguments, stdin=inside, stdout=inside, stderr=inside, preexec_fn=foreground)
    os.close(inside)
    reader = threading.Thread(target=drain, args=[terminal], daemon=True)  # a full terminal would hold it up
    reader.start()
    report = assert_all_ended(process, begun, lambda: os.write(terminal, b"\x03"))
    assert process.returncode == 128 + signal.SIGINT
    assert report.count("stopped before its end") == 1 and report.count("… not run") == 2
    assert "0 passed, 1 failed, 2 not run" in report
    reader.join(30)
    os.close(terminal)


def test_sigterm_ends_everything_and_leaves_a_report(busy):
    arguments, begun = busy
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    report = assert_all_ended(process, begun, process.terminate)
    assert process.returncode == 128 + signal.SIGTERM
    said, complained = process.communicate()
    assert "stopped by SIGTERM" in said and complained == ""
    assert report.count("… not run") == 2


def test_a_passing_run_writes_nothing_to_stderr_and_its_kernel_encrypts(tmp_path):
    told = "import json, ipykernel\nprint('curve' in open(ipykernel.get_connection_file()).read())"
    path = write(tmp_path / "a.ipynb", told)
    arguments = [*COMMAND, str(path), "-p", "seed", "3", "--out", str(tmp_path / "out")]
    result = subprocess.run(arguments, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    assert '"True\\n"' in (tmp_path / "out" / "a.ipynb").read_text(encoding="utf-8")


def test_a_kernel_that_has_done_its_work_is_not_interrupted(tmp_path, monkeypatch):
    sent, send = [], LocalProvisioner.send_signal

    async def remembered(self, number):
        sent.append(number)
        await send(self, number)

    monkeypatch.setattr(LocalProvisioner, "send_signal", remembered)
    (outcome,) = run(plan([write(tmp_path / "a.ipynb", "print(1)")]), tmp_path / "out")
    assert outcome.error is None and signal.SIGINT not in sent


def test_nbval_and_tests_get_an_encrypting_kernel_too():
    from jupyter_client.manager import KernelManager

    assert KernelManager().transport_encryption == "auto"


def test_a_notebook_that_takes_too_long_is_stopped_with_what_it_had_done(tmp_path, monkeypatch):
    slow = write(tmp_path / "1_slow.ipynb", "print('so far')", "import time\ntime.sleep(600)")
    # It began at 0 and spent none of it before its third cell, for which a second is left.
    clock = itertools.chain([0, 0, 0], itertools.repeat(599))
    shown = SimpleNamespace(monotonic=lambda: next(clock), perf_counter=time.perf_counter)
    monkeypatch.setattr(execution, "time", shown)
    first, second = run(plan([slow, write(tmp_path / "2_next.ipynb")]), tmp_path / "out", limit=600)
    assert first.error == "took longer than 600 s: stopped in cell 3 `import time`"
    assert second.error is None
    assert "so far" in (tmp_path / "out" / first.page).read_text(encoding="utf-8")


def test_a_killed_kernel_is_called_so(tmp_path):
    killed = write(tmp_path / "a.ipynb", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    (outcome,) = run(plan([killed]), tmp_path / "out")
    assert (
        "its kernel died in cell 2 `import os, signal`: killed, perhaps for want of memory" in outcome.error
    )


def test_without_a_terminal_lines_tell_where_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "EVERY", 0)
    with command.Watch(2) as watch:
        watch.cell("05_brown_well", 12, 58)
        watch.began["05_brown_well"] -= 90
        watch.look()
    assert "05_brown_well            cell 12 of 58, 1.5 min" in capsys.readouterr().out
