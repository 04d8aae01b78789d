"""What `import colorlab` shows, and that it loads nothing before it is used."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import colorlab

STUB = Path(colorlab.__file__).with_suffix(".pyi")


@pytest.mark.parametrize("name", colorlab.__dir__())
def test_everything_that_tab_shows_is_there_and_says_what_it_is(name):
    value = getattr(colorlab, name)
    assert name.startswith("__") or value.__doc__
    assert value is getattr(colorlab, name)


def test_the_stub_names_exactly_what_tab_shows_and_where_it_comes_from():
    found = {"__version__": None}
    for node in ast.parse(STUB.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            (alias,) = node.names
            assert alias.asname == alias.name  # or it would be private to the stub
            found[alias.name] = node.module
    assert sorted(found) == colorlab.__dir__()
    for name, module in found.items():
        if module:
            there = importlib.import_module(module)
            assert getattr(there, name) is getattr(colorlab, name)


def test_importing_colorlab_loads_neither_torch_nor_numpy():
    code = (
        "import sys, colorlab, colorlab.config; dir(colorlab); "
        "assert not {'torch', 'numpy', 'PIL', 'matplotlib'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_what_is_not_there_is_an_attribute_error_and_not_an_import_error():
    with pytest.raises(AttributeError, match="has no attribute 'colourizer'"):
        colorlab.colourizer  # noqa: B018 (the access is what is tested)


def test_types_are_announced():
    assert STUB.with_name("py.typed").is_file()


def test_the_version_is_said_in_one_place():
    pyproject = (STUB.parent.parent / "pyproject.toml").read_text(encoding="utf-8")
    assert 'dynamic = ["version"]' in pyproject and 'path = "colorlab/__init__.py"' in pyproject
