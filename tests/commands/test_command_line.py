"""`colorlab colorize` as a process: pipes, signals at any moment, full disks, forbidden folders, races."""

import errno
import hashlib
import io
import os
import pty
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
import torch
from click.testing import CliRunner
from PIL import Image

from colorlab import batch
from colorlab.bins import ColorBins
from colorlab.cli import main
from colorlab.colorizer import Colorizer
from colorlab.files.media import read_image
from colorlab.files.whole import LEFTOVERS, clear_leftovers, in_one_piece
from colorlab.files.writing import write_image
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification

COMMAND = [sys.executable, "-m", "colorlab", "colorize"]
ENDINGS = ("png", "jpg", "webp", "tif")


def noise(seed, height=40, width=60):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    torch.manual_seed(0)
    objective = Classification(ColorBins(40))
    network = UNet(1, objective.out_channels, width=4, depth=1, half_resolution=True)
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    return str(Colorizer(network, objective, working_size=16).save(path))


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos") / "album"
    (folder / "inner").mkdir(parents=True)
    for i in range(24):
        place = folder / "inner" if i % 2 else folder
        Image.fromarray(noise(i, 200, 300)).save(place / f"p{i:02}.{ENDINGS[i % 4]}")
    first, *others = (Image.fromarray(noise(i, 80, 120)) for i in range(6))
    (folder / "p22.webp").unlink()
    first.save(folder / "p22.gif", save_all=True, append_images=others)
    return folder


@pytest.fixture(scope="module")
def whole(album, model, tmp_path_factory):
    """All of the album, coloured without an interruption."""
    out = tmp_path_factory.mktemp("whole") / "out"
    assert colorlab(album, "-o", out, "--model", model).exit_code == 0
    return contents(out)


def colorlab(*words, **more):
    return CliRunner().invoke(main, ["colorize", *(str(w) for w in words)], **more)


def contents(folder):
    files = (p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def started(*words, **more):
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([*COMMAND, *(str(w) for w in words)], env=environment, **(pipes | more))


# ---- pipes ---------------------------------------------------------------------------------------


def png(rgb):
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
def test_from_a_pipe_into_a_pipe_comes_a_png_and_nothing_else(model):
    process = started("-", "-o", "-", "--model", model, stdin=subprocess.PIPE)
    out, said = process.communicate(png(noise(0)))
    assert process.returncode == 0, said
    assert said == b""
    wanted = Colorizer.load(model).colorize(noise(0))
    image = Image.open(io.BytesIO(out))
    assert image.format == "PNG" and np.array_equal(np.asarray(image), wanted)
    assert out.endswith(b"IEND\xaeB`\x82")


def test_what_a_png_into_a_pipe_cannot_hold_is_said_beside_it(model):
    given = io.BytesIO()
    rgb = np.arange(48 * 48 * 3, dtype=np.uint16).reshape(48, 48, 3)
    tifffile.imwrite(given, rgb, photometric="rgb", metadata=None)
    out = colorlab("-", "-o", "-", "--model", model, input=given.getvalue())
    assert read_image(out.stdout_bytes).shape == (48, 48, 3)
    assert out.stderr == "standard input: not in its result: the lower 8 of its 16 bits a channel\n"


def test_a_pipe_on_one_side_and_a_file_on_the_other(model, tmp_path):
    wanted = Colorizer.load(model).colorize(noise(0))
    (tmp_path / "in.png").write_bytes(png(noise(0)))
    out = colorlab(tmp_path / "in.png", "-o", "-", "--model", model)
    assert np.array_equal(read_image(out.stdout_bytes), wanted)
    target = tmp_path / "new" / "out.png"
    assert colorlab("-", "-o", target, "--model", model, input=png(noise(0))).exit_code == 0
    assert np.array_equal(read_image(target), wanted)
    other = ("-", "-o", target, "--model", model)
    refused = colorlab(*other, input=png(noise(1)))
    assert refused.exit_code == 1 and "is there already; --force would overwrite it" in refused.output
    assert np.array_equal(read_image(target), wanted)
    assert colorlab(*other, "--force", input=png(noise(1))).exit_code == 0
    assert np.array_equal(read_image(target), Colorizer.load(model).colorize(noise(1)))


def test_transparency_goes_through_a_pipe(model):
    rgba = np.dstack([noise(0), noise(1)[..., 0]])
    result = colorlab("-", "-o", "-", "--model", model, input=png(rgba))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(result.stdout_bytes)))[..., 3], rgba[..., 3])


def moving_gif():
    file = io.BytesIO()
    frames = [Image.fromarray(noise(i)) for i in range(3)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    return file.getvalue()


@pytest.mark.parametrize(
    ("words", "given", "message"),
    [
        (["-", "-o", "-"], b"", "standard input: empty (0 bytes)"),
        (["-", "-o", "-"], b"no picture at all", "standard input: not a picture"),
        (["-", "-o", "-"], png(noise(0))[:900], "standard input: damaged or cut short"),
        (["-", "-o", "-"], moving_gif(), "3 pages or frames, which do not fit through -"),
        (["-", "-o", "folder"], b"", "-o folder: name a file that ends in"),
        (["-", "other.png", "-o", "-"], b"", "- is for one picture"),
        (["missing.png", "-o", "-"], b"", "missing.png: no such file"),
    ],
)
def test_what_does_not_fit_through_a_pipe_is_said_on_stderr(model, words, given, message):
    result = colorlab(*words, "--model", model, input=given)
    assert result.exit_code in (1, 2)
    assert message in " ".join(result.stderr.split())
    assert result.stdout_bytes == b"" and "Traceback" not in result.stderr


@pytest.mark.slow
def test_a_terminal_is_refused_instead_of_waiting_or_spilling():
    ours, terminal = pty.openpty()
    for words, ends in (
        (["-", "-o", "x.png"], {"stdin": terminal}),
        (["x.png", "-o", "-"], {"stdout": terminal}),
    ):
        process = started(*words, **ends)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        assert b"is a terminal" in said and b"colorlab colorize " in said
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 1)


def test_a_reader_that_goes_away_ends_it_quietly(model):
    read, write = os.pipe()
    process = started("-", "-o", "-", "--model", model, stdin=subprocess.PIPE, stdout=write)
    os.close(write)
    os.close(read)
    _, said = process.communicate(png(noise(0)))
    assert process.returncode not in (0, None)
    assert said.strip() == b""


# ---- signals -------------------------------------------------------------------------------------


def inodes(folder):
    return {p: p.stat().st_ino for p in folder.rglob("p*")}


def wait_for(process, out, new):
    """Until so many results are there that were not before; each is a new inode, with --force too."""
    before = inodes(out)
    while process.poll() is None and len(inodes(out).items() - before.items()) < new:
        time.sleep(0.001)


@pytest.fixture
def interruptible():
    """Programs begun in the background of a shell ignore Ctrl-C, and so do theirs; here they shall not."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda s: s.name)
def test_a_signal_at_any_moment_loses_nothing(album, whole, model, tmp_path, number):
    """9 runs are stopped, each goes on where the one before was; with --force over files that were there."""
    draw, before, stopped = random.Random(number), contents(album), 0
    out, older = tmp_path / "out", tmp_path / "older"
    older.mkdir()
    (older / "p00.png").write_bytes(b"an older file, of somebody else")
    shutil.copytree(older, out)
    older_hash = contents(older)["p00.png"]
    for i in range(9):
        here = contents(out) if out.exists() else {}
        forced = ["--force"] if i >= 7 else []
        process = started(album, "-o", out, "--model", model, *forced)
        if i < 3:
            time.sleep(draw.uniform(0.3, 0.8))  # while it starts
        else:
            wait_for(process, out, draw.randint(1, 10 if forced else 3))
        time.sleep(draw.uniform(0, 0.03))
        process.send_signal(number)
        said_out, said = process.communicate()
        stopped += process.returncode != 0
        if number == signal.SIGINT and process.returncode:
            assert process.returncode == 130, said
            assert said.startswith(b"stopped: ") and said.count(b"\n") == 1 and said_out == b""
            assert (
                b"nothing was begun; start it again" in said
                or (b"start it again without --force: what" if forced else b"start it again: what") in said
            )
            assert not list(out.rglob(LEFTOVERS))
        assert contents(album) == before
        now = {name: value for name, value in contents(out).items() if not name.endswith(".partial")}
        assert set(here) - set(now) <= {name for name in here if name.endswith(".partial")}
        for name, value in now.items():
            kept = name == "p00.png" and value == older_hash
            assert kept or value == whole[name], f"{name} is not whole"
            if not forced and name in here:
                assert value == here[name]
        if process.returncode == 0:  # faster than its signal: the next one has all to do again
            shutil.rmtree(out)
            shutil.copytree(older, out)
    assert stopped >= 6
    process = started(album, "-o", out, "--model", model, "--force")
    assert process.communicate()[1] == b"" and process.returncode == 0
    assert contents(out) == whole  # and the leftovers are gone


# ---- temporary files -----------------------------------------------------------------------------


def test_leftovers_of_the_killed_are_cleared_and_work_of_the_living_is_not(album, model, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    dead = out / LEFTOVERS.replace("*", "0123456789abcdef")
    dead.write_bytes(b"half a picture")
    (out / "mine.partial").write_bytes(b"not ours")
    with in_one_piece(out / "film.mp4") as living:
        living.write_bytes(b"half a film")
        assert colorlab(album / "p00.png", "-o", out, "--model", model).exit_code == 0
        assert living.read_bytes() == b"half a film" and not dead.exists()
    assert sorted(p.name for p in out.iterdir()) == ["film.mp4", "mine.partial", "p00.png"]


@pytest.mark.slow
def test_a_leftover_whose_owner_died_can_be_locked(tmp_path):
    script = "import os, sys; from colorlab.files.whole import in_one_piece\n"
    script += (
        "with in_one_piece(sys.argv[1]) as p: p.write_bytes(b'half'); print('ready', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "a"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"ready\n"
    clear_leftovers(tmp_path)
    assert len(list(tmp_path.glob(LEFTOVERS))) == 1
    process.kill()
    process.communicate()
    clear_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_two_writers_of_one_file_do_not_mix(tmp_path):
    target = tmp_path / "a"
    with in_one_piece(target) as one, in_one_piece(target) as other:
        assert one != other
        one.write_bytes(b"one")
        other.write_bytes(b"other")
    assert target.read_bytes() == b"one" and list(tmp_path.iterdir()) == [target]


@pytest.mark.slow
def test_a_name_as_long_as_names_can_be_and_the_usual_permissions(tmp_path):
    target = tmp_path / ("x" * 251 + ".png")
    write_image(target, noise(0))
    (tmp_path / "usual").touch()
    assert target.stat().st_mode == (tmp_path / "usual").stat().st_mode


# ---- never overwritten ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("links", [True, False], ids=["hard links", "none, as on exFAT"])
def test_what_appears_while_a_picture_is_in_work_is_kept(album, model, tmp_path, monkeypatch, links):
    target, colorize = tmp_path / "out.png", Colorizer.colorize

    def slowly(*arguments):
        target.write_bytes(b"somebody else's")
        return colorize(*arguments)

    def refused(*paths):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Colorizer, "colorize", slowly)
    if not links:
        monkeypatch.setattr(os, "link", refused)
    result = colorlab(album / "p00.png", "-o", target, "--model", model)
    assert result.exit_code == 0 and "0 coloured, 1 kept as they were" in result.output
    assert target.read_bytes() == b"somebody else's" and list(tmp_path.iterdir()) == [target]
    monkeypatch.undo()
    assert colorlab(album / "p00.png", "-o", target, "--model", model, "--force").exit_code == 0
    assert read_image(target).shape == (200, 300, 3)


@pytest.mark.slow
def test_a_file_system_without_hard_links_still_gets_results(album, model, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EPERM, "not permitted")))
    assert colorlab(album / "p00.png", "-o", tmp_path / "o.png", "--model", model).exit_code == 0
    assert read_image(tmp_path / "o.png").shape == (200, 300, 3)


@pytest.mark.slow
def test_links_where_results_would_be(album, model, tmp_path):
    treasure, target = tmp_path / "treasure.txt", tmp_path / "out.png"
    treasure.write_bytes(b"gold")
    for destination in (treasure, tmp_path / "nowhere"):
        target.symlink_to(destination)
        words = (album / "p00.png", "-o", target, "--model", model)
        assert "1 kept as they were" in colorlab(*words).output
        assert target.is_symlink()
        assert colorlab(*words, "--force").exit_code == 0
        assert not target.is_symlink() and read_image(target).shape == (200, 300, 3)
        target.unlink()
    assert treasure.read_bytes() == b"gold" and not (tmp_path / "nowhere").exists()


@pytest.mark.slow
@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_no_input_is_overwritten_under_another_name(model, tmp_path, link):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(noise(0)).save(tmp_path / "in" / name)
    link(tmp_path / "in" / "b.png", tmp_path / "out" / "a.png")
    before = contents(tmp_path)
    result = colorlab(tmp_path / "in", "-o", tmp_path / "out", "--model", model, "--force")
    assert result.exit_code == 1
    assert "b.png would be overwritten by the result of" in " ".join(result.output.split())
    assert contents(tmp_path) == before


@pytest.mark.slow
def test_two_results_that_are_one_file_where_case_does_not_matter(model, tmp_path):
    """Two names of one file, here by a hard link."""
    for where in ("x", "y", "out"):
        (tmp_path / where).mkdir()
    Image.fromarray(noise(0)).save(tmp_path / "x" / "A.png")
    Image.fromarray(noise(1)).save(tmp_path / "y" / "a.png")
    words = (tmp_path / "x" / "A.png", tmp_path / "y" / "a.png", "-o", tmp_path / "out", "--model", model)
    assert "2 coloured" in colorlab(*words).output  # case matters
    (tmp_path / "out" / "a.png").unlink()
    os.link(tmp_path / "out" / "A.png", tmp_path / "out" / "a.png")
    result = colorlab(*words)
    assert result.exit_code == 1
    assert "upper and lower case are one here; rename it" in " ".join(result.output.split())


# ---- the summary ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_full_disk_costs_the_picture_that_did_not_fit_and_nothing_else(model, tmp_path):
    """RLIMIT_FSIZE: what would be longer is cut, as a full disk cuts it; Pillow took that for written."""
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    Image.fromarray(noise(0, 8, 8)).save(folder / "small.png")
    for ending in ("jpg", "tif", "bmp", "png", "webp"):
        Image.fromarray(noise(1, 100, 100)).save(folder / f"large.{ending}")
    # 4000 bytes are less than each large result, and more than the small one.
    process = started(
        folder, "-o", out, "--model", model,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
    )  # fmt: skip
    said, wrong = (part.decode() for part in process.communicate())
    assert process.returncode == 1 and wrong == ""
    assert [p.name for p in out.iterdir()] == ["small.png"]
    for ending in ("jpg", "tif", "bmp", "png", "webp"):
        assert (
            f"FAILED {folder}/large.{ending}: {out}/large.{ending}: File too large; make room there" in said
        )
    assert "1 coloured, 0 kept as they were, 5 failed" in said and "start it again" in said
    again = colorlab(folder, "-o", out, "--model", model)
    assert "5 coloured, 1 kept as they were" in again.output and again.exit_code == 0


@pytest.mark.slow
def test_force_on_a_full_disk_leaves_the_older_file(album, model, tmp_path, monkeypatch):
    target = tmp_path / "out.png"
    target.write_bytes(b"older")

    def full(*arguments, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    result = colorlab(album / "p00.png", "-o", target, "--model", model, "--force")
    assert result.exit_code == 1
    assert f"{target}: No space left on device" in result.output.replace("\n", "")
    assert target.read_bytes() == b"older" and list(tmp_path.iterdir()) == [target]


@pytest.mark.slow
def test_a_place_where_nothing_can_be_written_is_named(album, model, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "inner").write_bytes(b"a file where a folder should be")
    result = colorlab(album, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 1
    assert "12 coloured, 0 kept as they were, 12 failed" in result.output
    assert result.output.count("inner: File exists") == 12
    assert (tmp_path / "out" / "inner").read_bytes() == b"a file where a folder should be"


@pytest.mark.slow
def test_a_folder_that_cannot_be_read_is_reported_and_the_rest_is_coloured(
    album, model, tmp_path, monkeypatch
):
    closed = str(album / "inner")

    def guarded(function):
        def call(path="."):
            if str(path) == closed:
                raise PermissionError(errno.EACCES, "Permission denied", closed)
            return function(path)

        return call

    for name in ("scandir", "listdir"):  # root may read everything, so permissions would not do
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))
    result = colorlab(album, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 1
    assert f"FAILED {closed}: Permission denied" in result.output.replace("\n", "")
    assert "12 coloured, 0 kept as they were, 1 failed" in result.output


@pytest.mark.slow
def test_what_macos_notes_beside_a_picture_is_no_picture(model, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "._a.png").write_bytes(b"notes")
    Image.fromarray(noise(0)).save(tmp_path / "in" / "a.png")
    assert [source.name for source, *_ in batch.plan([tmp_path / "in"], tmp_path / "out")] == ["a.png"]


@pytest.mark.slow
def test_memory_that_does_not_suffice_for_one_picture(album, model, tmp_path, monkeypatch):
    colorize, calls = Colorizer.colorize, []

    def greedy(*arguments):
        calls.append(1)
        if len(calls) in (2, 3):
            raise [MemoryError(), RuntimeError("can't allocate memory")][len(calls) - 2]
        return colorize(*arguments)

    monkeypatch.setattr(Colorizer, "colorize", greedy)
    result = colorlab(album, "-o", tmp_path / "out", "--model", model)
    assert result.exit_code == 1 and "22 coloured, 0 kept as they were, 2 failed" in result.output
    assert result.output.count(": memory does not suffice; close other programs") == 2
