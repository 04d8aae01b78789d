"""Folders, archives and downloads: nothing escapes, nothing unreadable is fatal, nothing is lost or seen twice."""

import errno
import hashlib
import io
import os
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from colorlab import datasets
from colorlab.data import shrink
from colorlab.datasets import (
    PARTS,
    DataError,
    Download,
    hash_percent,
    locate,
    middle_square,
    name_of,
    open_collection,
)
from colorlab.files import archives
from colorlab.lab import rgb_to_lab


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLORLAB_DATA", raising=False)


def noise(seed: int, width: int = 20, height: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(seed: int, width: int = 20, height: int = 16, grey: bool = False) -> bytes:
    return encoded(noise(seed, width, height), "L" if grey else "RGB")


def encoded(rgb: np.ndarray, mode: str = "RGB") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).convert(mode).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {f"train/{i:03d}.png": png(i) for i in range(40)} | {
    "train/broken.png": b"not a picture",
    "train/tiny.png": png(1, 9, 3),
    "train/grey.png": png(2, grey=True),
    "words.txt": b"not read",
}


def as_folder(path: Path, files=FILES) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def as_zip(path: Path, files=FILES) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def as_tar(path: Path, files=FILES) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


MAKERS = {"folder": as_folder, "pictures.zip": as_zip, "pictures.tgz": as_tar}


@pytest.mark.parametrize("name", MAKERS)
def test_a_folder_a_zip_and_a_tar_hold_the_same_pictures(tmp_path, name):
    collection = open_collection(MAKERS[name](tmp_path / name), size=16)
    assert collection.names == [f"train/{i:03d}.png" for i in range(40)]
    assert collection.shapes.tolist() == [[16, 20]] * 40
    assert all(np.array_equal(collection.picture(i), noise(i)) for i in range(40))


def test_every_picture_is_kept_whole_whatever_its_shape_and_no_larger_than_needed(tmp_path):
    sizes = [(20, 16), (16, 16), (40, 16), (9, 100), (57, 64), (300, 20), (18, 18), (19, 19)]
    files = {f"{i}.png": png(i, *size) for i, size in enumerate(sizes)}
    collection = open_collection(as_zip(tmp_path / "a.zip", files), size=16)
    assert collection.names == list(files)
    for i, size in enumerate(sizes):
        expected = shrink(noise(i, *size), 18)  # a shorter side of 9/8 of 16
        assert np.array_equal(collection.picture(i), expected)
        assert tuple(collection.shapes[i]) == expected.shape[:2]
        assert min(expected.shape[:2]) == min(*size, 18)
    assert collection.pixels.size == 3 * collection.shapes.prod(1).sum()


def test_pictures_a_little_small_are_used_and_far_too_small_ones_are_not(tmp_path):
    sizes = {"four.png": (4, 9), "three.png": (3, 90)}  # of 16: a fourth, and less
    files = {name: png(1, *size) for name, size in sizes.items()}
    collection = open_collection(as_zip(tmp_path / "a.zip", files), size=16)
    assert collection.names == ["four.png"]
    assert collection.unreadable == {"three.png": "3×90 pixels are too few for squares of 16×16"}
    part = collection.part("all")
    assert part.evaluation().L.shape == next(part.batches(1, seed=0))[:, :1].shape == (1, 1, 16, 16)


def test_what_cannot_be_used_is_counted_and_named_with_the_reason(tmp_path):
    collection = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    assert set(collection.unreadable) == {"train/broken.png", "train/tiny.png"}
    assert "not a picture" in collection.unreadable["train/broken.png"]
    assert "9×3 pixels are too few for squares of 16×16" in collection.unreadable["train/tiny.png"]
    assert collection.grey == ["train/grey.png"]
    assert "skipped 2 unreadable, 1 grey" in str(collection)


def test_an_archive_cannot_escape_its_folder(tmp_path):
    outside = {"../escaped.png": png(1), "/absolute.png": png(2), "a/../../b.png": png(3)}
    before = set(tmp_path.rglob("*"))
    for maker, name in ((as_zip, "z.zip"), (as_tar, "t.tgz")):
        collection = open_collection(maker(tmp_path / name, outside), size=16)
        assert len(collection.names) == 3
    made = {p for p in set(tmp_path.rglob("*")) - before if tmp_path / "cache" not in [p, *p.parents]}
    assert made == {tmp_path / "z.zip", tmp_path / "t.tgz"}
    assert not Path("/absolute.png").exists()


def test_a_source_is_called_as_its_folder_also_from_within(tmp_path, monkeypatch):
    (tmp_path / "mine" / "rome").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "mine")
    assert name_of(".") == name_of(tmp_path / "mine") == name_of("rome/..") == "mine"
    assert name_of("..") == tmp_path.name
    assert name_of("tiny-imagenet") == "tiny-imagenet" and name_of("rome/") == "rome"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE, errno.ENOMEM])
def test_what_the_machine_refuses_is_not_blamed_on_the_pictures(tmp_path, monkeypatch, number):
    folder = as_folder(tmp_path / "mine")

    def refused(path):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "read_bytes", refused)
    with pytest.raises(OSError) as caught:
        list(archives.files_in(folder))
    assert caught.value.errno == number
    whole = as_zip(tmp_path / "mine.zip", {"a.png": png(1)})
    monkeypatch.setattr(zipfile, "ZipFile", refused)
    with pytest.raises(OSError) as caught:
        archives.content_key(whole)
    assert caught.value.errno == number


def test_links_in_a_tar_and_in_a_folder_are_not_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(9))
    folder = as_folder(tmp_path / "folder", {"a.png": png(1)})
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    assert open_collection(folder, size=16).names == ["a.png"]
    with tarfile.open(tmp_path / "t.tar", "w") as archive:
        info = tarfile.TarInfo("link.png")
        info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.png")
        archive.addfile(info)
    with pytest.raises(DataError, match="no colour picture"):
        open_collection(tmp_path / "t.tar", size=16)


def test_a_file_too_large_to_be_a_picture_is_skipped_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "LARGEST_FILE", 1000)
    path = as_zip(tmp_path / "a.zip", {"small.png": png(1, 16, 16), "bomb.png": b"\0" * 5000})
    collection = open_collection(path, size=16)
    assert collection.names == ["small.png"]
    assert "larger than" in collection.unreadable["bomb.png"]


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:100] + b"\xff" * 400 + b[500:]])
def test_a_damaged_archive_is_named_or_its_pictures_are(tmp_path, damage):
    path = as_zip(tmp_path / "a.zip")
    path.write_bytes(damage(path.read_bytes()))
    try:
        collection = open_collection(path, size=16)
        assert len(collection.unreadable) > 2
    except DataError as error:
        assert str(path) in str(error)
    assert not list((tmp_path / "cache").rglob("partial-*"))


# ---- parts, epochs, memory -----------------------------------------------------------------------


def test_the_parts_are_disjoint_complete_and_decided_by_the_path_alone(tmp_path):
    collection = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    parts = {part: set(collection.part(part).chosen) for part in PARTS}
    assert sum(len(p) for p in parts.values()) == 40
    assert set.union(*parts.values()) == set(range(40))
    others = dict(list(FILES.items())[:20]) | {f"z/{i}.png": png(50 + i) for i in range(20)}
    mixed = open_collection(as_zip(tmp_path / "b.zip", others), size=16)
    for part, chosen in parts.items():
        assert {i for i in chosen if i < 20} == {i for i in mixed.part(part).chosen if i < 20}


def test_pictures_of_one_name_in_two_folders_need_not_be_in_one_part():
    """Cameras count from 1 in every folder."""
    assert len({hash_percent(f"{folder}/IMG_0001.JPG") for folder in "abcdefgh"}) > 4


def test_six_percent_are_held_out_and_two_for_validation():
    assert sorted(n for part in PARTS.values() for n in part) == list(range(100))
    percent = np.array([hash_percent(f"n{i % 7}/{i:08d}.JPEG") for i in range(20_000)])
    for part, share in (("held out", 0.06), ("validation", 0.02), ("train", 0.92)):
        assert np.isin(percent, PARTS[part]).mean() == pytest.approx(share, abs=0.005)


def test_folders_at_the_top_can_be_left_out(tmp_path):
    files = {f"{folder}/sub/{i}.png": png(i) for folder in ("a", "ab", "b") for i in range(4)}
    collection = open_collection(as_folder(tmp_path / "p", files | {"a.png": png(9)}), size=16)

    def names(*without):
        return {collection.names[i] for i in collection.part("all", without).chosen}

    everything = names()
    assert names("a") == {n for n in everything if not n.startswith("a/")}
    assert names("a", "b") == {"a.png", *(f"ab/sub/{i}.png" for i in range(4))}
    assert names("sub", "nothing") == everything
    chosen = [set(collection.part(part, ("a",)).chosen) for part in PARTS]
    assert set.union(*chosen) == set(collection.part("all", ("a",)).chosen)


def test_an_unknown_part_is_refused_with_the_known_ones(tmp_path):
    collection = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    with pytest.raises(
        ValueError, match="part: expected one of held out, validation, train or all, got 'test'"
    ):
        collection.part("test")


def as_they_are(monkeypatch) -> list[bytes]:
    """Batches then hold middle squares instead of random windows of varied pictures; returns what was cut."""
    seen = []

    def cut(rgb, size, rng):
        seen.append(rgb.tobytes())
        return middle_square(rgb, size)

    monkeypatch.setattr(datasets, "window", cut)
    monkeypatch.setattr(datasets, "varied", lambda lab, rng: lab)
    return seen


def test_in_an_epoch_every_picture_is_seen_once_by_all_processes_together(tmp_path, monkeypatch):
    seen = as_they_are(monkeypatch)
    part = open_collection(as_zip(tmp_path / "a.zip"), size=16).part("train")
    n, ranks = 3, 2
    steps = len(part) // (n * ranks)
    for rank in range(ranks):
        list(islice(part.batches(n, seed=5, rank=rank, ranks=ranks), steps))
    assert len(seen) == len(set(seen)) == steps * n * ranks
    assert set(seen) <= {part.picture(i).tobytes() for i in range(len(part))}


def test_a_stream_that_starts_later_is_the_rest_of_the_same_stream(tmp_path):
    part = open_collection(as_zip(tmp_path / "a.zip"), size=16).part("train")
    whole = list(islice(part.batches(4, seed=1), 30))  # over three epochs
    rest = list(islice(part.batches(4, seed=1, start=20), 10))
    assert all(torch.equal(a, b) for a, b in zip(whole[20:], rest, strict=True))
    assert not torch.equal(whole[0], next(part.batches(4, seed=2)))


@pytest.mark.slow
def test_a_batch_holds_the_lab_of_its_squares(tmp_path, monkeypatch):
    as_they_are(monkeypatch)
    part = open_collection(as_zip(tmp_path / "a.zip"), size=16).part("all")
    lab = next(part.batches(40, seed=0))
    found = [next(i for i in range(40) if torch.allclose(p, lab_of(i), atol=1e-3)) for p in lab]
    assert sorted(found) == list(range(40)) and found != list(range(40))


def lab_of(i: int) -> torch.Tensor:
    return rgb_to_lab(torch.from_numpy(noise(i)[:, 2:18].copy()).movedim(-1, 0))


def test_fewer_pictures_than_a_batch_are_refused(tmp_path):
    part = open_collection(as_zip(tmp_path / "a.zip"), size=16).part("all")
    with pytest.raises(DataError, match="40 pictures are fewer than one batch of 42; add some"):
        next(part.batches(21, seed=0, ranks=2))


def test_pictures_from_elsewhere_join_the_training_part_and_nothing_else(tmp_path, monkeypatch):
    seen = as_they_are(monkeypatch)
    collection = open_collection(as_folder(tmp_path / "p"), 16)
    strange = np.full((90, 36, 3), (200, 30, 90), np.uint8)
    alone, joined = collection.part("train"), collection.training([strange, strange[:17]])
    assert len(joined) == len(alone) + 2
    own = len(alone)
    assert all(np.array_equal(joined.picture(i), alone.picture(i)) for i in range(own))
    assert [joined.picture(own + i).shape for i in range(2)] == [(45, 18, 3), (17, 36, 3)]  # shrunk like all
    lab = next(joined.batches(len(joined), seed=0))  # one epoch
    flat = lab.std((2, 3)).sum(1) < 1e-3
    assert flat.sum() == 2 and len(seen) == len(joined)
    assert not any((measured.std((1, 2)) < 1e-3).any() for measured in joined.evaluation().L)


@pytest.mark.slow
def test_a_training_is_measured_on_the_middle_squares_of_the_validation_part(tmp_path):
    files = {f"{i}.png": png(i) for i in range(400)}
    collection = open_collection(as_folder(tmp_path / "p", files), 16)
    fixed, validation = collection.training().evaluation(), collection.part("validation")
    assert 0 < len(validation) <= datasets.EVALUATION_SIZE
    truth = torch.stack([lab_of(int(collection.names[i].removesuffix(".png"))) for i in validation.chosen])
    torch.testing.assert_close(fixed.L, truth[:, :1])
    torch.testing.assert_close(fixed.outcomes, truth[None, :, 1:])
    assert fixed.mask.all() and fixed.probabilities.tolist() == [1]


def test_without_a_validation_part_a_training_is_measured_on_its_own_pictures(tmp_path):
    names = [name for name in (f"{i}.png" for i in range(20)) if hash_percent(name) in PARTS["train"]]
    files = {name: png(n) for n, name in enumerate(names)}
    collection = open_collection(as_folder(tmp_path / "p", files), 16)
    assert torch.equal(collection.training().evaluation().L, collection.part("train").evaluation().L)


def test_many_pictures_are_measured_on_a_few_spread_evenly(tmp_path):
    files = {f"{i:03d}.png": png(i, 16, 16) for i in range(94)}
    fixed = open_collection(as_folder(tmp_path / "p", files), 16).part("all").evaluation()
    expected = torch.stack(
        [rgb_to_lab(torch.from_numpy(noise(3 * i, 16, 16)).movedim(-1, 0)) for i in range(32)]
    )
    torch.testing.assert_close(fixed.L, expected[:, :1])


@pytest.mark.parametrize(("width", "height"), [(16, 16), (20, 16), (16, 30)])
def test_the_middle_square_of_a_picture_of_that_side_is_cut_out(width, height):
    rgb = noise(0, width, height)
    top, left = (height - 16) // 2, (width - 16) // 2
    assert np.array_equal(middle_square(rgb, 16), rgb[top : top + 16, left : left + 16])


@pytest.mark.parametrize(("width", "height"), [(5, 5), (60, 41), (7, 200)])
def test_any_other_is_resized_as_pillow_would_its_largest_square(width, height):
    rgb, side = noise(0, width, height), min(width, height)
    box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    expected = Image.fromarray(rgb).resize((16, 16), Image.Resampling.LANCZOS, box)
    assert np.array_equal(middle_square(rgb, 16), np.asarray(expected))
    flat = np.full((height, width, 3), (9, 99, 199), np.uint8)
    assert np.array_equal(middle_square(flat, 16), np.full((16, 16, 3), (9, 99, 199)))


def test_all_is_every_picture(tmp_path):
    collection = open_collection(as_folder(tmp_path / "p"), 16)
    assert len(collection.part("all")) == len(collection.names)


def test_the_pictures_stay_on_disk(tmp_path):
    collection = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    assert isinstance(collection.pixels, np.memmap)
    assert isinstance(collection.picture(5), np.memmap)
    assert not collection.picture(5).flags.writeable
    assert np.shares_memory(collection.part("train").picture(0), collection.pixels)


def test_what_a_collection_says_of_itself(tmp_path):
    collection = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    counts = ", ".join(f"{len(collection.part(part))} {part}" for part in ("held out", "validation", "train"))
    assert str(collection) == (
        f"40 pictures ({counts}), seen as squares of 16×16; skipped 2 unreadable, 1 grey"
    )


# ---- cache ---------------------------------------------------------------------------------------


def test_the_key_is_of_the_content_alone_whatever_it_is_used_for(tmp_path):
    zipped = as_zip(tmp_path / "a.zip")
    keys = [open_collection(zipped, size).key for size in (8, 16)]
    assert keys[0] == keys[1]
    sides = {size: open_collection(zipped, size).picture(0).shape for size in (8, 16)}
    assert sides == {8: (9, 11, 3), 16: (16, 20, 3)}


def test_the_cache_is_keyed_by_content_not_by_place_or_time(tmp_path, monkeypatch):
    first = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    monkeypatch.setattr(datasets, "_build", lambda *a: pytest.fail("decoded again"))
    assert open_collection(as_zip(tmp_path / "moved.zip"), size=16).key == first.key
    with pytest.raises(pytest.fail.Exception):
        open_collection(as_zip(tmp_path / "other.zip", {"a.png": png(77)}), size=16)
    with pytest.raises(pytest.fail.Exception):
        open_collection(tmp_path / "a.zip", size=8)


def test_an_interrupted_decoding_leaves_nothing_that_looks_complete(tmp_path, monkeypatch):
    path, calls = as_zip(tmp_path / "a.zip"), []

    def interrupt(name, content, size):
        calls.append(name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "_decoded", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_collection(path, size=16)
    assert calls
    assert list((tmp_path / "cache" / "collections").iterdir()) == []
    assert len(open_collection(path, size=16).names) == 40


def test_the_cache_is_bounded_and_the_oldest_goes_first(tmp_path, monkeypatch):
    made = []
    for i in range(3):
        made.append(open_collection(as_zip(tmp_path / f"{i}.zip", {"a.png": png(i)}), size=16).key)
        os.utime(tmp_path / "cache" / "collections" / f"{made[-1]}-16", (i, i))
    monkeypatch.setenv("COLORLAB_CACHE_GB", "0.000003")  # room for two
    newest = open_collection(as_zip(tmp_path / "3.zip", {"a.png": png(3)}), size=16).key
    left = {p.name for p in (tmp_path / "cache" / "collections").iterdir()}
    assert left == {f"{made[2]}-16", f"{newest}-16"}


# ---- downloads, against a server on this machine --------------------------------------------------


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.content
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: self.server.sent])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path):
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.content = as_zip(tmp_path / "source.zip").read_bytes()
        server.sent = len(server.content)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def offered(server, monkeypatch, checksum=None) -> None:
    checksum = checksum or "md5:" + hashlib.md5(server.content).hexdigest()
    url = f"http://127.0.0.1:{server.server_address[1]}/pictures.zip"
    monkeypatch.setitem(datasets.DOWNLOADS, "here", Download(url, checksum, 1))


def downloaded(tmp_path) -> list[Path]:
    return [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]


def test_a_download_is_fetched_once_and_opened(server, tmp_path, monkeypatch):
    offered(server, monkeypatch)
    assert len(open_collection("here", size=16).names) == 40
    server.shutdown()
    assert locate("here").read_bytes() == server.content  # from the cache


def test_a_wrong_checksum_leaves_no_file(server, tmp_path, monkeypatch):
    offered(server, monkeypatch, "md5:" + "0" * 32)
    with pytest.raises(DataError, match="not the published file"):
        locate("here")
    assert downloaded(tmp_path) == []


def test_a_download_that_breaks_off_leaves_no_file(server, tmp_path, monkeypatch):
    offered(server, monkeypatch)
    server.sent = len(server.content) // 2
    with pytest.raises(DataError):
        locate("here")
    assert downloaded(tmp_path) == []


def test_offline_the_message_names_the_file_to_put_where(server, tmp_path, monkeypatch):
    offered(server, monkeypatch)
    server.shutdown()
    server.server_close()
    with pytest.raises(DataError, match=r"file pictures\.zip \(1 MB\).*COLORLAB_DATA"):
        locate("here")
    given = tmp_path / "given"
    given.mkdir()
    (given / "pictures.zip").write_bytes(server.content)
    monkeypatch.setenv("COLORLAB_DATA", str(given))
    assert len(open_collection("here", size=16).names) == 40


def test_an_unknown_source_is_refused_with_the_known_downloads():
    with pytest.raises(DataError, match="no such folder or archive; downloads are called tiny-imagenet"):
        locate("nowhere")
