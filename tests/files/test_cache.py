"""The data cache: what lies in it is checked, made by one process at a time, bounded, and may be read-only."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tqdm import tqdm

from colorlab import datasets
from colorlab.cli import main
from colorlab.datasets import DataError, open_collection
from colorlab.files import cache
from colorlab.files.whole import LEFTOVERS


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(datasets, "tqdm", partial(tqdm, disable=True))
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "collections"


@pytest.fixture
def pics(tmp_path) -> Path:
    folder = tmp_path / "pics"
    folder.mkdir()
    for n in range(12):
        rgb = np.random.default_rng(n).integers(0, 256, (18, 20, 3), dtype=np.uint8)
        Image.fromarray(rgb).save(folder / f"{n:02}.png")
    return folder


def made(own_cache: Path) -> list[str]:
    return sorted(path.name for path in own_cache.iterdir())


def index_with(**changed):
    def spoil(folder: Path) -> None:
        path = folder / "index.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changed))

    return spoil


def with_fitting_checksums(spoil):
    """Whoever damages the checksums too: the shapes and counts must still fit each other."""

    def both(folder: Path) -> None:
        spoil(folder)
        sums = (f"{cache._checksum(folder / name)}  {name}\n" for name in ("pixels", "index.json"))
        (folder / cache.CHECKSUMS).write_text("".join(sums))

    return both


def zeros_in_the_middle(folder: Path) -> None:
    with open(folder / "pixels", "r+b") as file:
        file.seek(500)
        file.write(bytes(500))


def of_another_size(folder: Path) -> None:
    other = folder.with_name(folder.name.replace("-16", "-8"))
    for file in other.iterdir():
        shutil.copy(file, folder / file.name)


def elsewhere(folder: Path) -> None:
    (folder / "pixels").unlink()
    (folder / "pixels").symlink_to(sys.executable)


SPOILT = {
    "zeros": zeros_in_the_middle,
    "another size": of_another_size,
    "cut short": lambda folder: os.truncate(folder / "pixels", 500),
    "longer": lambda folder: os.truncate(folder / "pixels", 10**5),
    "no pixels": lambda folder: (folder / "pixels").unlink(),
    "no index": lambda folder: (folder / "index.json").unlink(),
    "no checksums": lambda folder: (folder / cache.CHECKSUMS).unlink(),
    "empty checksums": lambda folder: (folder / cache.CHECKSUMS).write_text(""),
    "a link": elsewhere,
    "empty index": lambda folder: (folder / "index.json").write_text("{}"),
    "a list": with_fitting_checksums(lambda folder: (folder / "index.json").write_text("[]")),
    "shapes of floats": with_fitting_checksums(index_with(shapes=[[18.0, 20.0]] * 12)),
    "shapes of one": with_fitting_checksums(index_with(shapes=[18, 20])),
    "a shape below zero": with_fitting_checksums(index_with(shapes=[[-18, -20]] * 12)),
    "names that are none": with_fitting_checksums(index_with(names=[1] * 12)),
    "fewer names": with_fitting_checksums(index_with(names=["a"])),
    "fewer pixels": with_fitting_checksums(lambda folder: os.truncate(folder / "pixels", 500)),
    "more to the index": with_fitting_checksums(index_with(**{"\x1b]0;title\x07": 2})),
    "a file": lambda folder: (shutil.rmtree(folder), folder.write_text("no folder")),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_does_not_fit_is_made_anew_and_said(pics, own_cache, capsys, spoil):
    open_collection(pics, 8)
    whole = open_collection(pics, 16)
    pixels, folder = np.array(whole.pixels), own_cache / f"{whole.key}-16"
    del whole
    capsys.readouterr()
    spoil(folder)
    again = open_collection(pics, 16)
    assert np.array_equal(again.pixels, pixels) and len(again.names) == 12
    said = capsys.readouterr().err
    assert "it is made anew" in said and "\x1b" not in said
    assert not list(own_cache.glob(LEFTOVERS))
    open_collection(pics, 16)
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_what_is_whole_is_not_touched_and_may_be_checked_by_others(pics, own_cache, monkeypatch):
    key = open_collection(pics, 16).key
    monkeypatch.setattr(datasets, "_build", lambda *a: pytest.fail("made again"))
    open_collection(pics, 16)
    check = [
        shutil.which("sha256sum") or pytest.skip("no sha256sum here"),
        "--check",
        "--quiet",
        cache.CHECKSUMS,
    ]
    assert subprocess.run(check, cwd=own_cache / f"{key}-16").returncode == 0


BUILD = """
import sys, time
from colorlab.datasets import open_collection
time.sleep(max(0, float(sys.argv[2]) - time.time()))
print(len(open_collection(sys.argv[1], 16).names))
"""


def building(pics: Path, start: float = 0) -> subprocess.Popen:
    arguments = [sys.executable, "-c", BUILD, str(pics), str(start)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
def test_four_that_begin_at_once_all_get_it(pics, own_cache):
    processes = [building(pics, time.time() + 4) for _ in range(4)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [out for out, _ in said] == [b"12\n"] * 4, said
    assert len(made(own_cache)) == 1


@pytest.mark.slow
def test_what_the_killed_left_is_cleared_by_the_next(pics, own_cache, monkeypatch):
    for _ in range(2):
        process, deadline = building(pics), time.monotonic() + 60
        while not list(own_cache.glob(f"{LEFTOVERS}/*")) and process.poll() is None:
            assert time.monotonic() < deadline
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert len(open_collection(pics, 16).names) == 12
    assert len(made(own_cache)) == 1


def test_a_whole_cache_that_may_not_be_written_is_enough(pics, own_cache, monkeypatch):
    names = open_collection(pics, 16).names

    def refused(*arguments, **options):
        raise OSError(errno.EROFS, "Read-only file system")

    for name in ("utime", "mkdir", "rename"):
        monkeypatch.setattr(os, name, refused)
    assert open_collection(pics, 16).names == names


def test_a_cache_that_cannot_be_made_is_a_sentence_with_the_remedy(pics, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cannot be written .*COLORLAB_CACHE"):
        open_collection(pics, 16)
    result = CliRunner().invoke(main, ["evaluate", str(pics), "--model", "regression"])
    assert result.exit_code == 1 and "COLORLAB_CACHE" in result.output and result.output.count("\n") == 1


def test_a_full_disk_leaves_nothing_behind(pics, own_cache, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "_build", full)
        with pytest.raises(DataError, match=r"No space left on device.*make room there.*COLORLAB_CACHE"):
            open_collection(pics, 16)
    assert made(own_cache) == []


def test_strangers_in_the_cache_do_not_break_making_room(pics, own_cache, tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_CACHE_GB", "0")
    own_cache.mkdir(parents=True)
    (own_cache / "note.txt").write_text("a reader's")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "treasure").write_text("gold")
    (own_cache / ("a" * 24)).symlink_to(tmp_path / "elsewhere")
    (own_cache / ("b" * 24)).symlink_to("nowhere")
    (own_cache / "photos").mkdir()
    older = own_cache / f"{'c' * 24}-64"
    older.mkdir()
    key = open_collection(pics, 16).key
    assert made(own_cache) == sorted(["note.txt", "a" * 24, "b" * 24, "photos", f"{key}-16"])
    assert (tmp_path / "elsewhere" / "treasure").read_text() == "gold"


@pytest.mark.parametrize("given", ["lots", "nan", "-1"])
def test_a_size_that_is_no_number_is_named_before_the_work(pics, own_cache, monkeypatch, given):
    monkeypatch.setenv("COLORLAB_CACHE_GB", given)
    with pytest.raises(
        DataError, match=f"COLORLAB_CACHE_GB: expected a number of gigabytes such as 8, got '{given}'"
    ):
        open_collection(pics, 16)
    assert not own_cache.exists()
