"""environment.yml says the same as pyproject.toml, in conda's words. Checked without conda: nothing is solved."""

import os
import re
import sys
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from rattler import MatchSpec

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "environment.yml").read_text(encoding="utf-8")
ENVIRONMENT = yaml.safe_load(TEXT)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}  # where conda-forge's differs from PyPI's
ONLY_CONDA = {"python", "pip"}

CONDA_LINES = [line for line in ENVIRONMENT["dependencies"] if isinstance(line, str)]
BINDER = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
SPECS = {(spec := MatchSpec(line, strict=True)).name.normalized: spec for line in CONDA_LINES}


def parts(version: object) -> set[str]:
    """ ">=2.6,<3" -> {">=2.6", "<3"}, whatever the order and the spaces."""
    return {part.strip() for part in str(version or "").split(",") if part.strip()}


def test_everything_comes_from_conda_forge_alone():
    assert ENVIRONMENT["channels"] == ["conda-forge"]


def test_no_package_is_named_twice():
    assert len(SPECS) == len(CONDA_LINES)


def test_names_and_bounds_are_those_of_pyproject():
    requirements = [Requirement(line) for line in PROJECT["dependencies"]]
    expected = {CONDA_NAMES.get(r.name, r.name): parts(r.specifier) for r in requirements}
    found = {name: parts(spec.version) for name, spec in SPECS.items() if name not in ONLY_CONDA}
    assert found == expected


def test_python_keeps_the_lower_bound_of_pyproject():
    assert parts(PROJECT["requires-python"]) <= parts(SPECS["python"].version)


def test_binder_starts_from_a_python_that_the_course_supports():
    # repo2docker knows `python =x.y` only; at a range it starts from its default, which may be too old.
    exact = re.fullmatch(r"python\s*=+\s*(\d+\.\d+)", BINDER[0])
    assert exact, f"not an exact x.y: {BINDER[0]!r}"
    assert SpecifierSet(PROJECT["requires-python"]).contains(exact[1])


def test_binder_takes_the_same_torch_and_installs_the_rest_afterwards():
    # In a folder of its own `-e .` would be looked up there, so a program does it.
    assert str(MatchSpec(BINDER[1], strict=True)) == str(SPECS["pytorch"])
    program = ROOT / ".binder" / "postBuild"
    assert program.read_text(encoding="utf-8").startswith("#!") and "--editable ." in program.read_text()
    assert sys.platform == "win32" or os.access(program, os.X_OK)


def test_the_package_itself_is_installed_from_the_folder():
    assert "pip" in SPECS
    assert [line for line in ENVIRONMENT["dependencies"] if isinstance(line, dict)] == [{"pip": ["-e ."]}]


def test_every_dependency_line_has_a_comment():
    lines = TEXT[TEXT.index("\ndependencies:") :].splitlines()
    dependencies = [line for line in lines if line.lstrip().startswith("-")]
    assert len(dependencies) == len(ENVIRONMENT["dependencies"]) + 1  # one more: the line below `pip:`
    assert [line for line in dependencies if not re.search(r"\s# \S", line)] == []
