"""The course on a Dask cluster: a scheduler and two workers, processes of their own on loopback."""

import sys
from concurrent.futures import Future

import pytest
from click.testing import CliRunner
from small_notebooks import write

from colorlab.cli import main
from colorlab.course.parameters import plan
from colorlab.course.report import table
from colorlab.course.running import _executed, run

pytestmark = pytest.mark.slow

RECORDS = "from colorlab.course.record import record\nrecord(value=seed / 3)"
KILLS_ITS_WORKER = """import os, signal, time
from pathlib import Path
if not Path({marker!r}).exists():
    Path({marker!r}).touch()
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(60)"""


@pytest.fixture(scope="module")
def scheduler():
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    options = dict(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None)
    with distributed.LocalCluster(**options, silence_logs="CRITICAL") as cluster:
        yield cluster.scheduler_address


def test_a_cluster_gives_the_same_table_also_when_a_worker_is_killed_in_the_middle(scheduler, tmp_path):
    kills = KILLS_ITS_WORKER.format(marker=str(tmp_path / "killed"))
    tasks = plan([write(tmp_path / "a.ipynb", kills, RECORDS)], [], [("seed", ["1", "2"])])
    there = run(tasks, tmp_path / "there", cluster=scheduler)
    assert (tmp_path / "killed").exists()  # a worker was
    here = run(tasks, tmp_path / "here", jobs=2)
    assert [outcome.error for outcome in [*here, *there]] == [None] * 4
    without_seconds = [[row[:2] + row[3:] for row in table(outcomes)] for outcomes in (here, there)]
    assert without_seconds[0] == without_seconds[1]
    assert [row[-1] for row in without_seconds[1][1:]] == ["0.333333", "0.666667"]


def test_a_cluster_that_is_lost_is_said_in_a_sentence_with_the_remedy():
    lost = Future()
    lost.cancel()
    assert "the cluster was lost" in (error := _executed(lost).error) and "--resume" in error


def test_without_the_extra_one_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    words = [
        "run",
        str(write(tmp_path / "a.ipynb")),
        "--dask",
        "tcp://127.0.0.1:1",
        "--out",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1 and "--dask needs the extra `cluster`: pip install" in result.output
