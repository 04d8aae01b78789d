"""An empty name, as that of a variable which is not set, is none: not the folder one is in, and not the default."""

import click
import pytest
from click.testing import CliRunner

from colorlab.cli import main

PATHS = [(c, p) for c in main.commands.values() for p in c.params if isinstance(p.type, click.Path)]


@pytest.mark.parametrize(
    "words",
    [
        ["colorize", "", "-o", "out"],
        ["colorize", "album", "-o", "", "--force"],
        ["colorize", "album", "-o", "out", "--model", ""],
        ["evaluate", ""],
        ["evaluate", "album", "--model", ""],
        ["train", "--data", "", "--out", "out"],
        ["train", "--data", "album", "--out", ""],
        ["train", "--data", "album", "--out", "out", "--start-from", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_is_refused_before_anything_is_done(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2 and "an empty name; is a variable not set?" in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command, option", PATHS, ids=lambda each: each.name)
def test_so_it_is_with_every_path(command, option):
    with pytest.raises(click.BadParameter, match="an empty name"):
        option.type.convert("", option, click.Context(command))
