"""What `pip install` brings: small enough, whole, with the papers of what others made, and without outputs."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.slow
MOST = 26e6  # bytes of a wheel


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", folder]
    subprocess.run(
        command, cwd=ROOT, env=os.environ | {"TMPDIR": str(tmp_path_factory.mktemp("tmp"))}, check=True
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        yield wheel


@pytest.fixture(scope="module")
def source_names(built) -> list[str]:
    with tarfile.open(next(built.glob("*.tar.gz"))) as source:
        return [name.split("/", 1)[1] for name in source.getnames()]


def test_a_wheel_is_at_most_26_megabytes(wheel):
    assert Path(wheel.filename).stat().st_size <= MOST


def test_its_notebooks_are_all_of_them_and_have_no_outputs(wheel):
    expected = sorted(p.name for p in (ROOT / "notebooks").iterdir() if p.suffix in (".ipynb", ".md"))
    found = [name for name in wheel.namelist() if name.startswith("colorlab/_share/notebooks/")]
    assert sorted(Path(name).name for name in found) == expected
    for name in found:
        if name.endswith(".ipynb"):
            inside, clone = (
                json.loads(wheel.read(name)),
                json.loads((ROOT / "notebooks" / Path(name).name).read_text("utf-8")),
            )
            assert [c["source"] for c in inside["cells"]] == [c["source"] for c in clone["cells"]]
            assert not any(c.get("outputs") or c.get("execution_count") for c in inside["cells"])


def test_licences_of_what_others_made_are_in_wheel_and_source(wheel, source_names):
    for name in ("NOTICE", "LICENSE-APACHE-2.0"):
        assert f"colorlab/weights/{name}" in wheel.namelist()
        assert f"colorlab/weights/{name}" in source_names
    licences = {Path(name).name for name in wheel.namelist() if ".dist-info/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE", "LICENSE-APACHE-2.0"}


def test_the_source_can_build_the_wheel_and_carries_nothing_that_git_ignores(source_names):
    needed = {"pyproject.toml", "docs/wheel.py", "data/manifest.json", "notebooks/00_welcome.ipynb"}
    assert needed <= set(source_names)
    ignored = ("build/", "dist/", ".venv/", "docs/node_modules/")
    assert [name for name in source_names if name.startswith(ignored)] == []
