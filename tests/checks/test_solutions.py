"""A solution is shown to be copied: pasted alone into an empty program it runs, and it is right."""

import importlib
import inspect
import pkgutil

import pytest

from colorlab import checks
from colorlab.checks.exercise import Exercise

EXERCISES = [
    pytest.param(found, id=f"{found.notebook}.{found.name}")
    for module in pkgutil.iter_modules(checks.__path__)
    for found in vars(importlib.import_module(f"{checks.__name__}.{module.name}")).values()
    if isinstance(found, Exercise)
]


@pytest.mark.parametrize("exercise", EXERCISES)
def test_a_solution_can_be_pasted(exercise):
    program = {}
    exec(exercise(...).solution, program)
    solution = program[exercise.solution.__name__]
    answer = solution if inspect.signature(solution).parameters else solution()
    found = exercise(answer)
    assert found.status == "passed", found.message
