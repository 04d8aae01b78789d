"""Full disks, short memory, kills and hostile names: nothing is lost, and a reader gets a sentence."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from colorlab import colorizer as colorizer_module
from colorlab.cli import main
from colorlab.colorizer import Colorizer
from colorlab.course import execution
from colorlab.files import whole
from colorlab.files.faults import MORE_MEMORY, memory_left, printable, sentence, short_of_memory
from colorlab.files.tensors import with_sorted_header
from colorlab.files.whole import (
    LEFTOVERS,
    clear_leftovers,
    discard,
    folder_in_one_piece,
    in_one_piece,
    write_whole,
)
from colorlab.networks.unet import UNet
from colorlab.objectives import Regression

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import faults


def untrained() -> Colorizer:
    torch.manual_seed(0)
    return Colorizer(
        UNet(1, 2, width=4, depth=1), Regression(), working_size=16, about={"data": {}, "recipe": {}}
    )


def noise(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (50, 60, 3), dtype=np.uint8))


# ---- everything is written under a temporary name ------------------------------------------------

# As `sitecustomize` it is imported by every Python that a command starts, kernels of notebooks too.
WATCH = """
import os, sys
from fnmatch import fnmatch
ROOT, REPORT = os.environ["WATCHED"], os.open(os.environ["REPORT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def watch(event, given):
    if event != "open" or not isinstance(given[0], (str, bytes)):
        return
    path, mode, flags = os.path.abspath(os.fsdecode(given[0])), given[1], given[2]
    writes = flags & (os.O_WRONLY | os.O_RDWR) or set(mode or "") & set("wax+")
    if writes and path.startswith(ROOT):
        kind = "partial" if any(fnmatch(part, ".colorlab-*.partial") for part in path.split(os.sep)) else "BARE"
        os.write(REPORT, f"{kind} {path}\\n".encode())

sys.addaudithook(watch)
"""


@pytest.mark.slow
def test_every_command_writes_every_file_under_a_temporary_name(tmp_path):
    """An audit hook sees each file that Python opens for writing."""
    work, hook = tmp_path / "work", tmp_path / "hook"
    (work / "pics").mkdir(parents=True)
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(WATCH)
    for n in range(12):
        noise(n).save(work / "pics" / f"{n}.png")
    for ending in ("gif", "webp", "tif", "png"):  # what moves, or has pages
        noise(0).save(work / "pics" / f"moves.{ending}", save_all=True, append_images=[noise(1), noise(2)])
    cells = [{"cell_type": "code", "source": "1", "metadata": {}, "outputs": [], "execution_count": None}]
    (work / "a.ipynb").write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells})
    )
    weights = untrained().save(work / "a.safetensors")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(hook), *sys.path]),
        "WATCHED": str(work),
        "REPORT": str(tmp_path / "report"),
        "COLORLAB_CACHE": str(work / "cache"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "OMP_NUM_THREADS": "1",
    }
    train = "train --data pics --out out/t --size 16 --architecture UNet --width 4 --depth 1 --steps 2 --batch-size 2"
    commands = [
        f"{train} --grid-size 40",
        f"colorize pics -o out/c --model {weights}",
        "nbgrader 05 --out out/n",
        "run a.ipynb --out out/r",
        f"evaluate pics --model {weights} --part all",
    ]
    script = f"""
from colorlab.cli import main
for words in {commands!r}:
    try:
        main(words.split())
    except SystemExit as end:
        assert not end.code, words
from pathlib import Path
from colorlab.course.copies import copy_to, update
from colorlab.course.pack import copy_reveal
from colorlab.hints import write_hints
copy_to(Path("out/l"))
update(Path("out/l/05_brown_well.ipynb"))
copy_reveal(Path("out/p"))
write_hints("out/hints.json", [(1, 2, (3, 4, 5))])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=work, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = (tmp_path / "report").read_text().splitlines()
    assert [line for line in seen if line.startswith("BARE")] == []
    made = [path for path in work.rglob("*") if path.is_file() and {"out", "cache"} & set(path.parts)]
    assert len(seen) >= len(made) > 25
    assert not list(work.rglob(LEFTOVERS))


def test_weights_are_synced_in_the_file_that_gets_the_name(tmp_path, monkeypatch):
    """One inode from the beginning to the end: what is locked and synced is what is renamed."""
    calls, fsync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda file: calls.append(("fsync", os.fstat(file).st_ino)) or fsync(file)
    )
    monkeypatch.setattr(
        os, "replace", lambda a, b: calls.append(("rename", os.stat(a).st_ino)) or replace(a, b)
    )
    path = untrained().save(tmp_path / "a.safetensors")
    assert calls == [("fsync", path.stat().st_ino), ("rename", path.stat().st_ino)]
    (tmp_path / "usual").touch()
    assert path.stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_equal_weights_give_equal_bytes_and_the_numbers_stay(tmp_path):
    one, other = (untrained().save(tmp_path / name) for name in ("a.safetensors", "b.safetensors"))
    assert one.read_bytes() == other.read_bytes()
    header = {
        "__metadata__": {"b": "ü", "a": "2"},
        "w": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
    }
    turned = {"w": header["w"], "__metadata__": {"a": "2", "b": "ü"}}

    def packed(header: dict) -> bytes:
        text = json.dumps(header).encode()
        return len(text).to_bytes(8, "little") + text + b"xyz"

    made = with_sorted_header(packed(header))
    assert made == with_sorted_header(packed(turned))
    length = int.from_bytes(made[:8], "little")
    assert length % 8 == 0 and json.loads(made[8 : 8 + length]) == header and made[8 + length :] == b"xyz"


# ---- full disks ----------------------------------------------------------------------------------


class Stubborn(OSError):
    """As PyAV's errors: its file has a name that cannot be set."""

    filename = property(lambda self: self.name)


def test_a_full_disk_is_said_with_the_name_that_the_reader_knows(tmp_path):
    older = tmp_path / "film.mp4"
    older.write_bytes(b"older")
    for build in (lambda partial: OSError(errno.ENOSPC, "No space left on device"), stubborn):
        with pytest.raises(OSError) as caught, in_one_piece(older) as partial:
            partial.write_bytes(b"half")
            raise build(partial)
        assert caught.value.filename == str(older) and caught.value.errno == errno.ENOSPC
        assert sentence(caught.value) == (
            f"{older}: No space left on device; make room there, or name another place"
        )
    assert older.read_bytes() == b"older" and list(tmp_path.iterdir()) == [older]


def stubborn(partial: Path) -> OSError:
    error = Stubborn(errno.ENOSPC, "No space left on device")
    error.name = str(partial)
    return error


def test_other_errors_pass_as_they_are(tmp_path):
    with pytest.raises(OSError, match="elsewhere") as caught, in_one_piece(tmp_path / "a"):
        raise OSError(errno.ENOENT, "No such file or directory", "elsewhere")
    assert caught.value.filename == "elsewhere"


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "folder"
    with pytest.raises(KeyboardInterrupt), folder_in_one_piece(path) as partial:
        (partial / "a").write_bytes(b"a")
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
    with folder_in_one_piece(path) as partial:
        (partial / "a").write_bytes(b"a")
        clear_leftovers(tmp_path)  # a neighbour's
        assert not path.exists()
    assert (path / "a").read_bytes() == b"a"
    with pytest.raises(FileExistsError), folder_in_one_piece(path) as partial:
        (partial / "a").write_bytes(b"b")
    assert (path / "a").read_bytes() == b"a" and list(tmp_path.iterdir()) == [path]


def test_folders_that_the_killed_left_are_cleared_and_what_is_discarded_is_gone(tmp_path):
    dead = tmp_path / LEFTOVERS.replace("*", "0123456789abcdef")
    (dead / "inner").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    clear_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    discard(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    discard(tmp_path / "kept")
    assert list(tmp_path.iterdir()) == []


# ---- short memory --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried"
        ),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("can't start new thread"),
        OSError(errno.ENOMEM, "Cannot allocate memory", "a.png"),
        ImportError("libtorch.so: failed to map segment from shared object"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_short_memory_is_known_however_it_is_said(error):
    assert short_of_memory(error) and sentence(error) == MORE_MEMORY
    assert not short_of_memory(ValueError(str(error))) and not short_of_memory(RuntimeError("shapes differ"))


def test_short_memory_is_not_blamed_on_weights(tmp_path, monkeypatch):
    path = untrained().save(tmp_path / "a.safetensors")

    def short(*arguments, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(colorizer_module, "safe_open", short)
    result = CliRunner().invoke(main, ["evaluate", str(tmp_path), "--model", str(path)])
    assert result.exit_code == 1 and "not a colorizer" not in result.output


def test_no_kernel_is_begun_where_memory_is_short(monkeypatch):
    """The library that talks to it would end the whole process, and the report with it."""
    monkeypatch.setattr(execution, "memory_left", lambda size: False)
    executed = execution.execute("no notebook", {}, limit=9)
    assert executed.notebook is None and executed.error == f"MemoryError: {MORE_MEMORY}"


def test_what_can_be_had_is_told_from_what_cannot():
    assert memory_left(2**20) and not memory_left(2**61)


def test_a_command_short_of_memory_ends_in_a_sentence(tmp_path, monkeypatch):
    from colorlab import recipe

    def short(*arguments, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(recipe, "train", short)
    result = CliRunner().invoke(main, ["train", "--data", "x", "--out", str(tmp_path / "o")])
    assert result.exit_code == 1 and result.output == f"Error: {MORE_MEMORY}\n"


def test_a_mistake_of_ours_is_not_hidden(tmp_path, monkeypatch):
    from colorlab import recipe

    def broken(*arguments, **options):
        raise KeyError("a bug")

    monkeypatch.setattr(recipe, "train", broken)
    result = CliRunner().invoke(main, ["train", "--data", "x", "--out", str(tmp_path / "o")])
    assert isinstance(result.exception, KeyError)


# ---- names are data ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Grüße 日本 [red] :smile:.png", "Grüße 日本 [red] :smile:.png"),
        ("a\x1b]0;title\x07b", "a\\x1b]0;title\\x07b"),
        ("good.png\nError: all is lost", "good.png\\nError: all is lost"),
        ("\udcff.png", "\\udcff.png"),
        ("moc\u202egnp.exe", "moc\\u202egnp.exe"),
        ("👩\u200d🔬.png", "👩\u200d🔬.png"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_instead(text, shown):
    assert printable(text) == shown


EVIL = "e\x1b]0;title\x07\x1b[31mred\nFAKE [/red] :smile:"


@pytest.mark.parametrize(
    "words",
    [
        ["colorize", f"{EVIL}.png", "-o", "x.png"],
        ["colorize", "pics", "-o", "o[/]ut", "--model", "{model}"],
        ["colorize", "pics", "-o", "out", "--model", EVIL],
        ["run", f"{EVIL}.ipynb"],
        ["nbgrader", f"{EVIL}.ipynb"],
        ["train", "--data", EVIL, "--out", "out"],
        ["evaluate", "pics", "--model", EVIL],
        ["progress", EVIL],
        [EVIL],
    ],
    ids=lambda words: words[0] if words[0] != EVIL else "no command",
)
def test_no_name_steers_the_terminal(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / f"{EVIL.replace('/', '')}.png").write_bytes(b"no picture")
    for n in range(3):
        noise(n).save(tmp_path / "pics" / f"{n}.png")
    model = str(untrained().save(tmp_path / "a.safetensors"))
    result = CliRunner().invoke(
        main, [word.format(model=model) if word == "{model}" else word for word in words]
    )
    assert result.exit_code in (1, 2) and not isinstance(result.exception, (KeyError, AttributeError))
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert "\x1b" not in result.output and "\x07" not in result.output and "\nFAKE" not in result.output


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_what_an_encoding_cannot_say_ends_nothing(monkeypatch, encoding):
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding=encoding, write_through=True))
    assert main(["train", "--help"], standalone_mode=False) == 0
    assert b" of the rebalancing; 1 is none." in printed.getvalue()  # before it stands a λ


# ---- trials --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="as benchmarks/faults.py")
def test_kills_and_full_disks_lose_nothing():
    """One of the many trials of benchmarks/faults.py of each of these kinds."""
    kinds = ("train, killed", "train, disk full", "colorize, killed", "cache, killed")
    counts = faults.run(len(kinds), seed=1, only=kinds)
    assert {kind: count.trials for kind, count in counts.items()} == dict.fromkeys(kinds, 1)
    assert [count.lost + count.tracebacks for count in counts.values()] == [[]] * len(counts)
    assert any(count.writing for count in counts.values())


def test_a_trial_that_loses_something_is_counted(tmp_path, monkeypatch):
    """The trials can fail: without the temporary names a kill leaves half a file."""
    torn = tmp_path / "a.json"
    torn.write_text('{"half": ')
    write_whole(tmp_path / "b.json", "{}")
    assert faults.torn(tmp_path) == ["a.json"] and whole.LEFTOVERS == LEFTOVERS
