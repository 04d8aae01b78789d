"""`colorlab doctor`: a line for everything that must work, and what to do about what does not."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from colorlab.cli import main
from colorlab.commands import doctor


def test_doctor_says_what_works_a_line_each():
    result = CliRunner().invoke(main, ["doctor"])
    lines = result.output.splitlines()
    assert result.exit_code == 0, result.output
    assert len(lines) == 9
    assert all(line.startswith("[OK]") for line in lines)
    (files,) = (line for line in lines if "files that can be coloured" in line)
    assert "JPEG" in files and "videos with PyAV" in files


def test_doctor_says_how_to_get_videos_and_calls_their_lack_no_failure(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 0 and "no videos without the extra: pip install" in result.output


def test_doctor_names_what_fails_and_exits_1(monkeypatch):
    def broken():
        raise RuntimeError("no such thing; install it")

    monkeypatch.setitem(doctor.DOCTOR, "widgets", broken)
    result = CliRunner().invoke(main, ["doctor"])
    assert result.exit_code == 1
    assert "[FAIL] widgets: RuntimeError: no such thing; install it" in result.output
    assert "[OK]   this folder" in result.output  # the checks after it still ran


@pytest.mark.slow
def test_the_command_line_and_doctor_work_where_torch_is_broken(monkeypatch):
    code = "import sys; sys.modules['torch'] = None; from colorlab.cli import main; main(['doctor'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 1
    assert "[FAIL] torch" in result.stdout
    assert "[OK]   Jupyter kernel" in result.stdout


def without(*modules):
    return f"import sys; sys.modules.update(dict.fromkeys({modules}, None)); from colorlab.cli import main; "


def test_a_quick_look_loads_nothing_that_takes_time(tmp_path):
    code = without("torch", "numpy", "PIL", "ipywidgets", "rich", "nbformat") + "main(['doctor', '--quick'])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stdout + result.stderr
    assert len(lines) == len(doctor.QUICK) == 8 and all(line.startswith("[OK]") for line in lines)


def test_a_quick_look_names_what_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "WEIGHTS", tmp_path)
    monkeypatch.setitem(doctor.QUICK, "ipywidgets", doctor._installed("no-such-package"))
    result = CliRunner().invoke(main, ["doctor", "--quick"])
    assert result.exit_code == 1
    assert (
        "[FAIL] ipywidgets: ModuleNotFoundError: not installed; pip install no-such-package" in result.output
    )
    assert "classification.safetensors" in result.output and "install colorlab-course again" in result.output


def test_what_fails_may_have_any_name(monkeypatch):
    def broken():
        raise RuntimeError("\x1b]0;title\x07\n[OK]   all")

    monkeypatch.setitem(doctor.DOCTOR, "widgets", broken)
    output = CliRunner().invoke(main, ["doctor"]).output
    assert "\x1b" not in output and "\n[OK]   all" not in output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
def test_a_full_disk_behind_standard_output_is_a_sentence():
    words = [sys.executable, "-m", "colorlab", "doctor", "--quick"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: standard output: No space left on device; make room there")
    assert done.stderr.count("\n") == 1
