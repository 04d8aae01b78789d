"""A training that was stopped goes on as if it had not been: killed, interrupted, damaged, shared by two."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
import torch

from colorlab.bins import ColorBins
from colorlab.checkpoints import CheckpointError
from colorlab.colorizer import Colorizer
from colorlab.config import Config
from colorlab.networks.fusion import SemanticUNet
from colorlab.networks.lite_unet import LiteUNet
from colorlab.networks.unet import UNet
from colorlab.objectives import Classification, Regression
from colorlab.toy import Marbles
from colorlab.training import fit

CONFIG = Config(steps=40, batch_size=4, evaluate_every=5)

# Run as `python -c SCRIPT folder`, alone or under torchrun.
SCRIPT = """
import sys, torch
from pathlib import Path
from torch import distributed
sys.path.insert(0, sys.argv[2])
from test_resume import CONFIG, untrained
from colorlab.toy import Marbles
from colorlab.training import fit
torch.set_num_threads(1)
rank = 0
if distributed.is_torchelastic_launched():
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
folder = Path(sys.argv[1])
colorizer = untrained()
history = fit(colorizer, Marbles(size=16), CONFIG, checkpoint=folder / "checkpoint.pt")
torch.save(colorizer.network.state_dict(), folder / f"final{rank}.pt")
"""


def untrained(objective=None) -> Colorizer:
    objective = objective or Classification(ColorBins(40))
    torch.manual_seed(0)
    return Colorizer(UNet(1, objective.out_channels, width=8, depth=1), objective)


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def start(folder: Path, *launcher: str) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    script = folder / "train.py"
    script.write_text(SCRIPT)
    launcher = launcher or (sys.executable,)
    return subprocess.Popen(
        [*launcher, str(script), str(folder), str(Path(__file__).parent)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def uninterrupted() -> dict:
    colorizer = untrained()
    fit(colorizer, Marbles(size=16), CONFIG)
    return colorizer.network.state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("measurements", [2, 6])
def test_killed_and_resumed_it_ends_with_the_same_bits(tmp_path, uninterrupted, measurements):
    process = start(tmp_path)
    checkpoint, seen = tmp_path / "checkpoint.pt", set()
    deadline = time.monotonic() + 600  # a busy machine takes its time
    while len(seen) < measurements and process.poll() is None:
        assert time.monotonic() < deadline
        if checkpoint.exists():
            seen.add(checkpoint.stat().st_mtime_ns)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stderr.close()
    if process.returncode == -signal.SIGKILL:
        assert not (tmp_path / "final0.pt").exists()
    step = torch.load(checkpoint, weights_only=True)["step"]
    colorizer = untrained()
    history = fit(colorizer, Marbles(size=16), CONFIG, checkpoint=checkpoint)
    assert step < CONFIG.steps or process.returncode == 0
    assert same(colorizer.network.state_dict(), uninterrupted)
    assert history.step == list(range(0, 41, 5))


def test_interrupted_by_hand_it_goes_on_with_the_same_bits(tmp_path, uninterrupted):
    def stop(step, colorizer, history):
        if step == 15:
            raise KeyboardInterrupt

    checkpoint, first = tmp_path / "checkpoint.pt", untrained()
    assert fit(first, Marbles(size=16), CONFIG, stop, checkpoint).interrupted
    second = untrained()
    history = fit(second, Marbles(size=16), CONFIG, checkpoint=checkpoint)
    assert not history.interrupted
    assert same(second.network.state_dict(), uninterrupted)


@pytest.mark.parametrize("kind", [SemanticUNet, LiteUNet])
def test_a_network_that_looks_through_frozen_weights_goes_on(tmp_path, kind):
    """They are in no checkpoint, and the optimizer knows nothing of them."""
    config, checkpoint = Config(steps=4, batch_size=2, evaluate_every=2, places=7), tmp_path / "checkpoint.pt"

    def looking() -> Colorizer:
        torch.manual_seed(0)
        return Colorizer(kind(1, 2, width=4), Regression())

    def stop(step, colorizer, history):
        if step == 2:
            raise KeyboardInterrupt

    whole, first, second = looking(), looking(), looking()
    fit(whole, Marbles(size=32), config)
    fit(first, Marbles(size=32), config, stop, checkpoint)
    fit(second, Marbles(size=32), config, checkpoint=checkpoint)
    assert same(second.network.state_dict(), whole.network.state_dict())
    assert not same(first.network.state_dict(), whole.network.state_dict())


@pytest.mark.slow
def test_a_finished_training_is_not_trained_again(tmp_path, uninterrupted):
    for _ in range(2):
        colorizer = untrained()
        history = fit(colorizer, Marbles(size=16), CONFIG, checkpoint=tmp_path / "checkpoint.pt")
        assert same(colorizer.network.state_dict(), uninterrupted)
        assert history.step[-1] == CONFIG.steps
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint.pt"]  # no partial file is left


@pytest.mark.slow
def test_a_checkpoint_of_another_training_is_refused_by_what_differs(tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    short = Config(steps=2, batch_size=2)
    fit(untrained(), Marbles(size=16), short, checkpoint=checkpoint)
    with pytest.raises(CheckpointError, match="batch_size was 2, is 4"):
        fit(untrained(), Marbles(size=16), Config(steps=2, batch_size=4), checkpoint=checkpoint)
    with pytest.raises(CheckpointError, match=r"objective was .Classification"):
        fit(untrained(Regression()), Marbles(size=16), short, checkpoint=checkpoint)


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut short"])
def test_a_damaged_checkpoint_is_refused_with_a_remedy(tmp_path, content):
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"not a readable checkpoint .* delete it to begin anew"):
        fit(untrained(), Marbles(size=16), CONFIG, checkpoint=checkpoint)


@pytest.mark.parametrize("number", [errno.EACCES, errno.EMFILE])
def test_a_checkpoint_that_the_system_refuses_to_read_is_not_to_be_deleted(tmp_path, monkeypatch, number):
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.touch()
    monkeypatch.setattr(zipfile, "ZipFile", refusing(number))
    with pytest.raises(OSError) as caught:
        fit(untrained(), Marbles(size=16), CONFIG, checkpoint=checkpoint)
    assert (caught.value.errno, caught.value.filename) == (number, checkpoint)


def refusing(number):
    def refused(path, *_):
        raise OSError(number, os.strerror(number), path)

    return refused


@pytest.mark.slow
def test_a_checkpoint_with_a_pickle_payload_executes_nothing(tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    checkpoint = tmp_path / "checkpoint.pt"
    torch.save({"step": Payload()}, checkpoint)
    with pytest.raises(CheckpointError):
        fit(untrained(), Marbles(size=16), CONFIG, checkpoint=checkpoint)
    assert not (tmp_path / "executed").exists()


@pytest.mark.slow
def test_two_processes_share_every_batch_and_end_with_equal_weights(tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    process = start(tmp_path / "two", *torchrun)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    first, second = (torch.load(tmp_path / "two" / f"final{rank}.pt", weights_only=True) for rank in (0, 1))
    assert same(first, second)
    assert not same(first, untrained().network.state_dict())
    history = torch.load(tmp_path / "two" / "checkpoint.pt", weights_only=True)["history"]
    assert history["loss"][-1] < history["loss"][0], json.dumps(history)


@pytest.mark.slow
def test_processes_draw_different_pictures_of_the_same_step():
    world = Marbles(size=16)
    mine, other = (next(world.batches(2, seed=0, start=7, rank=rank, ranks=2)) for rank in (0, 1))
    assert not torch.equal(mine, other)
    again = next(world.batches(2, seed=0, start=7, rank=1, ranks=2))
    assert torch.equal(other, again)
