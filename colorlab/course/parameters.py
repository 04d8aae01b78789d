"""What can be set from outside: the parameters of notebooks, checked before anything runs; sweeps over them."""

import ast
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from colorlab.course.reading import read_notebook

LESSON_FIELDS = ("preset", "device", "seed", "grid_size")


class ParameterError(ValueError):
    """A parameter that no notebook has, or a value of the wrong type or range."""


@dataclass(frozen=True, eq=False)  # each is itself: a key for what becomes of it
class Task:
    """A notebook to be run with one choice of parameters.

    Attributes:
        path: of the notebook.
        values: the parameters given, typed; the others keep what the notebook says.
        swept: those of `values` by which this run differs from others of the same notebook.
    """

    path: Path
    values: dict[str, Any]
    swept: dict[str, Any]

    @property
    def name(self) -> str:
        """Of its results: 06_color_bins_grid_size=5_seed=0."""
        return "_".join([self.path.stem, *(f"{n}={quote(str(v), safe='')}" for n, v in self.swept.items())])


def plan(
    paths: Sequence[Path],
    given: Sequence[tuple[str, str]] = (),
    sweeps: Sequence[tuple[str, Sequence[str]]] = (),
) -> list[Task]:
    """Every notebook with every combination of the swept values that concern it, in reading order.

    Args:
        paths: the notebooks to be run.
        given: (name, value as typed on the command line), the same in all runs.
        sweeps: (name, values).

    Raises:
        ParameterError: as `check_parameters`; a name given twice; two notebooks of one name.
    """
    if len({path.stem for path in paths}) < len(paths):
        raise ParameterError("two notebooks have the same name, and their results would collide")
    counts = Counter(name for name, _ in [*given, *sweeps])
    for name in (name for name, count in counts.items() if count > 1):
        values = [text for n, text in given if n == name]
        raise ParameterError(
            f"{name}: given {counts[name]} times; to run each value say --sweep {name} {','.join(values) or '…'}"
        )
    names = [name for name, _ in sweeps]
    tasks = {}
    for texts in itertools.product(*(texts for _, texts in sweeps)):
        chosen = check_parameters(paths, [*given, *zip(names, texts, strict=True)])
        for path, values in chosen.items():
            task = Task(path, values, {name: values[name] for name in names if name in values})
            tasks.setdefault(task.name, task)
    return sorted(tasks.values(), key=lambda task: paths.index(task.path))


def with_file(
    file: Path | None, given: Sequence[tuple[str, str]], sweeps: Sequence[tuple[str, Sequence[str]]]
) -> tuple[list[tuple[str, str]], list[tuple[str, Sequence[str]]]]:
    """What was given and swept, and before it what a YAML file says of other names; a list there is swept.

    Raises:
        ParameterError: the file is no mapping of names to values.
    """
    if file is None:
        return list(given), list(sweeps)
    try:
        said = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(f"{file}: no YAML ({' '.join(str(error).split())})") from None
    if not isinstance(said, dict) or not all(
        isinstance(name, str) and v not in ([], None) for name, v in said.items()
    ):
        raise ParameterError(f"{file}: expected lines of NAME: VALUE or NAME: [VALUE, VALUE]")
    stronger = {name for name, _ in [*given, *sweeps]}
    said = {name: value for name, value in said.items() if name not in stronger}
    swept = [(n, [str(v) for v in value]) for n, value in said.items() if isinstance(value, list)]
    fixed = [(n, str(value)) for n, value in said.items() if not isinstance(value, list)]
    return [*fixed, *given], [*swept, *sweeps]


def check_parameters(paths: Sequence[Path], given: Sequence[tuple[str, str]]) -> dict[Path, dict[str, Any]]:
    """Type every given value as its notebook declares it, before anything runs.

    Args:
        paths: the notebooks to be run.
        given: (name, value as typed on the command line).

    Returns:
        For each notebook the parameters it has, with values of the declared type.

    Raises:
        ParameterError: a name that none of these notebooks has, or a value that does not fit.
    """
    from colorlab.course.lesson import Lesson

    declared = {path: parameters(path) for path in paths}
    chosen: dict[Path, dict[str, Any]] = {path: {} for path in paths}
    for name, text in given:
        takers = [path for path in paths if name in declared[path]]
        if not takers:
            known = sorted({n for names in declared.values() for n in names}) or ["none"]
            raise ParameterError(
                f"{name}: no chosen notebook has this parameter; they have {', '.join(known)}"
            )
        for path in takers:
            chosen[path][name] = _typed(name, text, declared[path][name])
    for path, values in chosen.items():
        try:
            Lesson(**{k: v for k, v in values.items() if k in LESSON_FIELDS})
        except (TypeError, ValueError) as error:
            raise ParameterError(f"{path.stem}: {error}") from None
    return chosen


def parameters(path: Path) -> dict[str, str]:
    """The parameters of a notebook and the names of their types, read from its cell tagged `parameters`.

    Raises:
        NotebookError: it is none.
    """
    return {parameter.name: parameter.inferred_type_name for parameter in _inspected(path)}


def defaults(path: Path) -> dict[str, Any]:
    """The parameters of a notebook and the values that stand in it."""
    return {parameter.name: _literal(parameter.default) for parameter in _inspected(path)}


def _inspected(path: Path) -> list:
    from papermill.translators import PythonTranslator

    cells = read_notebook(path).cells
    cell = next((cell for cell in cells if "parameters" in cell.metadata.get("tags", [])), None)
    return PythonTranslator.inspect(cell) if cell else []


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # nothing that a report could show better
        return text


def _typed(name: str, text: str, type_name: str) -> Any:
    readers = {"int": int, "float": float, "str": str, "bool": {"true": True, "false": False}.__getitem__}
    # As in a cell, where 12.5 is a legal distance between bins although the notebook says 10.
    reader = _number if name == "grid_size" else readers.get(type_name, ast.literal_eval)
    try:
        return reader(text.lower() if type_name == "bool" else text)
    except (ValueError, KeyError, SyntaxError, TypeError, MemoryError, RecursionError):  # of nested brackets
        wanted = "a number" if name == "grid_size" else {"bool": "true or false"}.get(type_name, type_name)
        raise ParameterError(f"{name}: expected {wanted}, got {text!r}") from None


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
