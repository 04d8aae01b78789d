"""Folders, archives and downloads: nothing escapes, nothing unreadable is fatal, nothing is lost or seen twice."""

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

from colorlab import archives, datasets
from colorlab.datasets import DataError, Download, hash_percent, locate, open_collection
from colorlab.lab import rgb_to_lab


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COLORLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("COLORLAB_DATA", raising=False)


def png(seed: int, width: int = 20, height: int = 16, grey: bool = False) -> bytes:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(rgb).convert("L" if grey else "RGB").save(buffer, "PNG")
    return buffer.getvalue()


FILES = {f"train/{i:03d}.png": png(i) for i in range(40)} | {
    "train/broken.png": b"not a picture",
    "train/tiny.png": png(1, 4, 4),
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
    assert collection.pictures.shape == (40, 16, 16, 3)
    middle = np.asarray(Image.open(io.BytesIO(FILES["train/007.png"])))[:, 2:18]
    assert np.array_equal(collection.pictures[7], middle)


def test_what_cannot_be_used_is_counted_and_named_with_the_reason(tmp_path):
    collection = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    assert set(collection.unreadable) == {"train/broken.png", "train/tiny.png"}
    assert "not a picture" in collection.unreadable["train/broken.png"]
    assert "4×4 pixels are fewer than 16×16" in collection.unreadable["train/tiny.png"]
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


def test_the_parts_are_disjoint_complete_and_decided_by_the_name_alone(tmp_path):
    collection = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    parts = {part: set(collection.part(part).chosen.tolist()) for part in datasets.PARTS}
    assert sum(len(p) for p in parts.values()) == 40
    assert set.union(*parts.values()) == set(range(40))
    fewer = {f"elsewhere/{Path(k).name}": v for k, v in list(FILES.items())[:20]}
    moved = open_collection(as_zip(tmp_path / "b.zip", fewer), size=16)
    for part, chosen in parts.items():
        assert {i for i in chosen if i < 20} == set(moved.part(part).chosen.tolist())


def test_about_four_percent_are_held_out():
    share = np.mean([hash_percent(f"n{i:08d}.JPEG") < 4 for i in range(20_000)])
    assert share == pytest.approx(0.04, abs=0.005)


def test_in_an_epoch_every_picture_is_seen_once_by_all_processes_together(tmp_path):
    part = open_collection(as_zip(tmp_path / "a.zip"), size=16).part("train")
    n, ranks = 3, 2
    steps = len(part) // (n * ranks)
    seen = []
    for rank in range(ranks):
        for lab, _ in islice(part.batches(n, seed=5, rank=rank, ranks=ranks), steps):
            seen += [
                hashlib.sha256(min(p.numpy().tobytes(), p.flip(-1).numpy().tobytes())).digest() for p in lab
            ]
    assert len(seen) == len(set(seen)) == steps * n * ranks


def test_a_stream_that_starts_later_is_the_rest_of_the_same_stream(tmp_path):
    part = open_collection(as_zip(tmp_path / "a.zip"), size=16).part("train")
    whole = [lab for lab, _ in islice(part.batches(4, seed=1), 30)]  # over three epochs
    rest = [lab for lab, _ in islice(part.batches(4, seed=1, start=20), 10)]
    assert all(torch.equal(a, b) for a, b in zip(whole[20:], rest, strict=True))
    assert not torch.equal(whole[0], next(part.batches(4, seed=2))[0])


def test_a_batch_holds_the_lab_of_its_pictures(tmp_path):
    part = open_collection(as_zip(tmp_path / "a.zip"), size=16).part("train")
    expected = rgb_to_lab(torch.tensor(np.array(part.pictures[part.chosen[3]])).movedim(-1, 0))
    torch.testing.assert_close(part.lab(np.array([3]))[0], expected)
    assert part.evaluation().outcomes.shape[0] == 1


def test_squares_from_elsewhere_join_the_training_part_and_nothing_else(tmp_path):
    collection = open_collection(as_folder(tmp_path / "p"), 16)
    strange = np.full((16, 16, 3), (200, 30, 90), np.uint8)
    alone, joined = collection.part("train"), collection.training([strange, strange])
    assert len(joined) == len(alone) + 2
    everything = joined.squares(np.arange(len(joined)))
    assert np.array_equal(everything[:-2], alone.squares(np.arange(len(alone))))
    assert np.array_equal(everything[-2:], [strange, strange])
    lab, _ = next(joined.batches(len(joined), seed=0))  # one epoch
    flat = lab.std((2, 3)).sum(1) < 1e-3
    assert flat.sum() == 2


def test_a_training_is_measured_on_the_validation_part(tmp_path):
    files = {f"{i}.png": png(i) for i in range(200)}
    collection = open_collection(as_folder(tmp_path / "p", files), 16)
    measured, validation = collection.training().evaluation(), collection.part("validation")
    assert 0 < len(validation) == len(measured.L)
    assert torch.equal(measured.L, validation.lab_of_all()[:, :1])


def test_all_is_every_picture(tmp_path):
    collection = open_collection(as_folder(tmp_path / "p"), 16)
    assert len(collection.part("all")) == len(collection.names)


def test_the_pictures_stay_on_disk(tmp_path):
    collection = open_collection(as_zip(tmp_path / "a.zip"), size=16)
    assert isinstance(collection.pictures, np.memmap)
    assert isinstance(collection.part("train").pictures, np.memmap)


# ---- cache ---------------------------------------------------------------------------------------


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
        patch.setattr(datasets, "_square", interrupt)
        with pytest.raises(KeyboardInterrupt):
            open_collection(path, size=16)
    assert calls
    assert list((tmp_path / "cache" / "collections").iterdir()) == []
    assert len(open_collection(path, size=16).names) == 40


def test_the_cache_is_bounded_and_the_oldest_goes_first(tmp_path, monkeypatch):
    made = []
    for i in range(3):
        made.append(open_collection(as_zip(tmp_path / f"{i}.zip", {"a.png": png(i)}), size=16).key)
        os.utime(tmp_path / "cache" / "collections" / made[-1], (i, i))
    monkeypatch.setenv("COLORLAB_CACHE_GB", "0.000003")  # room for two
    newest = open_collection(as_zip(tmp_path / "3.zip", {"a.png": png(3)}), size=16).key
    left = {p.name for p in (tmp_path / "cache" / "collections").iterdir()}
    assert newest in left
    assert made[0] not in left


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
