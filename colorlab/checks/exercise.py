"""What an exercise is: a check that answers at once, two hints and a solution, folded until wanted."""

import ast
import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the map of the course needs the signs below at once, and torch takes a second to load
    from torch import Tensor

SIGNS = {"passed": ("✓", "#009E73"), "failed": ("✗", "#D55E00"), "not attempted": ("…", "#777")}


@dataclass(frozen=True)
class Result:
    """What a check found.

    Attributes:
        status: "passed", "failed" or "not attempted".
        message: what was checked and found, and where to look; never the solution.
        hints: two, the second tells more; none in an exam.
        solution: source code; empty in an exam.
    """

    status: str
    message: str
    hints: tuple[str, ...]
    solution: str

    def __repr__(self) -> str:
        return f"{self.status}: {self.message}"

    def _repr_html_(self) -> str:
        sign, color = SIGNS[self.status]
        folded = [
            f"<details><summary>Hint {i}</summary>{escape(hint)}</details>"
            for i, hint in enumerate(self.hints, 1)
        ]
        if self.solution:
            folded.append(f"<details><summary>Solution</summary><pre>{escape(self.solution)}</pre></details>")
        return (
            f'<div style="border-left: 4px solid {color}; padding: 0.3em 1em">'
            f"<b>{sign} {self.status}</b>: {escape(self.message)}{''.join(folded)}</div>"
        )


# What every exercise said last in this kernel: ("brown_well", "q1") -> Result. The map of the course reads it.
last_results: dict[tuple[str, str], Result] = {}
_exam = False


def without_help() -> None:
    """From here on in this kernel no check shows a hint or a solution: the first cell of an exam says so."""
    global _exam
    _exam = True


class AnswerError(ValueError):
    """An answer of the wrong kind or shape; the message is meant for the reader."""


class NotAttempted(Exception):
    """The blank of the exercise is still in the answer."""


class Exercise:
    """A check, called with the reader's answer. It never raises: every fault becomes a message.

    Args:
        check: answer -> None if it is right, or a sentence that names the mistake. Its docstring says what
            is checked.
        hints: two.
        solution: a function whose source is shown: the answer itself if the exercise asks for a function,
            else one that returns the answer.
    """

    def __init__(self, check: Callable[[object], str | None], hints: tuple[str, str], solution: Callable):
        self._check, self.hints, self.solution = check, hints, solution
        self.__doc__ = check.__doc__
        self.notebook, self.name = check.__module__.rpartition(".")[2], check.__name__

    def __call__(self, answer: object) -> Result:
        result = last_results[self.notebook, self.name] = self._judge(answer)
        return result

    def _judge(self, answer: object) -> Result:
        checked = inspect.cleandoc(self.__doc__ or "")
        try:
            if answer is ...:
                raise NotAttempted
            mistake = self._check(answer)
        except NotAttempted:
            return self._result("not attempted", f"Replace the ... and run again. Checked: {checked}")
        except AnswerError as error:
            mistake = str(error)
        except Exception as error:  # an answer may fail in any way; the reader is told, not interrupted
            mistake = f"your answer raised {type(error).__name__}: {error}"
        if mistake:
            return self._result("failed", mistake)
        return self._result("passed", checked)

    def _result(self, status: str, message: str) -> Result:
        if _exam:
            return Result(status, message, (), "")
        return Result(status, message, self.hints, with_imports(self.solution))


def with_imports(function: Callable) -> str:
    """The source of a function, after the imports without which it would not run where it is copied to."""
    source, home = inspect.getsource(function), inspect.getmodule(function)
    asked = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)} & set(vars(home))
    needed = []
    for statement in ast.parse(inspect.getsource(home)).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            found = [alias for alias in statement.names if (alias.asname or alias.name) in asked]
            asked -= {alias.asname or alias.name for alias in found}
            statement.names = found
            needed += [ast.unparse(statement)] if found else []
    own = asked - {function.__name__}
    needed += [f"from {home.__name__} import {', '.join(sorted(own))}"] if own else []
    return "\n".join(needed) + "\n" * (3 if needed else 0) + source


def exercise(hints: tuple[str, str], solution: Callable) -> Callable[[Callable], Exercise]:
    """Turn a check into an `Exercise`."""
    return lambda check: Exercise(check, hints, solution)


def asked(answer: Callable, *given: object) -> object:
    """What a reader's function makes of copies: it may work in place, and what it was given is needed again."""
    return answer(*copy.deepcopy(given))


def numbers(answer: object, shape: tuple[int, ...], what: str) -> "Tensor":
    """The answer as a float tensor of a shape; lists, arrays and tensors are all welcome.

    Raises:
        NotAttempted: it is still `...`.
        AnswerError: something else, said so that a reader understands it.
    """
    import torch

    if answer is ...:
        raise NotAttempted
    try:
        found = torch.as_tensor(answer).detach().cpu().double()
    except (TypeError, ValueError, RuntimeError):
        found = None
    if found is None or tuple(found.shape) != shape:
        got = type(answer).__name__ if found is None else f"shape {tuple(found.shape)}"
        wanted = "one number" if shape == () else f"numbers of shape {shape}"
        raise AnswerError(f"expected {what} as {wanted}, got {got}")
    if not torch.isfinite(found).all():
        raise AnswerError(f"expected {what} as finite numbers, got NaN or infinity")
    return found
