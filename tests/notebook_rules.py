"""The rules that every notebook of the course keeps, readable from the committed files alone.

`faults(notebook)` is pure: a notebook in, a sentence a fault out, each with the cell and the remedy. A rule
is a function over the notebook that yields such sentences; `RULES` lists them all. `course_faults(notebooks)`
does the same for what only shows when all of them lie side by side; `COURSE_RULES` lists those.
tests/test_notebook_rules.py breaks every one of them once, so that none can fall silent unnoticed.
"""

import ast
import importlib.util
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from colorlab.course.parameters import LESSON_FIELDS

MOST_LINES = 25  # of a code cell, blank ones not counted
MOST_COLUMNS = 90  # of a line of code: beside the file browser nothing scrolls sideways
MOST_WORDS = 120  # of a text cell
FEWEST_CELLS, MOST_CELLS = 15, 60
MOST_BYTES = 1_000_000
HEADINGS = ("## A failure corner", "## Summary", "## Self-test", "## Next")
FEWEST_EXERCISES, MOST_EXERCISES = 2, 4
VERBS = 3  # of "You will be able to"
SIMPLE_TYPES = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
# Called with a file name in quotes, these look where the kernel happens to run: papermill and nbval differ.
OPENERS = {"open", "Path", "load", "imread", "read_image", "read_picture", "read_folder", "colorize"}
# Widgets that are no explorable: they have no `twin`.
OWN_WIDGETS = ("OwnPhoto", "HintPainter", "TrainingPanel", "BeforeAfter", "BlindTest")
# Words that find something, where a title or an alt text has only to say what is drawn.
FINDINGS = re.compile(
    r"\b(than|more|fewer|better|worse|worst|never|cannot|neither|nor|yet|wins|beats|loses|hides|misses|keeps"
    r"|breaks|brown|brownish|dull|duller|pale|paler|vivid|blurred|sharper|fades|fading|is no|are no|is not|are not"
    r"|does not|do not)\b",
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(
    r"(?<![\w/<.:%)\]}*+~-])/[A-Za-z][\w.-]+/[\w.-]+"  # two folders from the root on, and no part of a URL
    r"|(?<![\w/])~/\w"
    r"|\b[A-Z]:\\(?:Users|Windows|Program|Temp)"
    r"|\bfile://"
)


def faults(notebook: NotebookNode) -> list[str]:
    """Every fault of a notebook, in the order of `RULES`; an empty list for a good one."""
    return [fault for rule in RULES for fault in rule(notebook)]


def course_faults(notebooks: dict[str, NotebookNode]) -> list[str]:
    """Every fault that shows only among all notebooks, file name -> notebook in reading order."""
    return [fault for rule in COURSE_RULES for fault in rule(notebooks)]


# ---- the rules: how it begins and ends -----------------------------------------------------------


def title(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0] if notebook.cells else None
    if first is None or not is_text(first) or not first.source.startswith("# "):
        yield "the notebook: must begin with its title; make cell 0 a text cell that starts with '# '"


def promise(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0] if notebook.cells else None
    if first and is_text(first) and not re.search(r"^\*[^*\s].*\*$", first.source, flags=re.MULTILINE):
        yield "the notebook: promises nothing; put one sentence in *italics* on a line of the first cell"


def first_screen(notebook: NotebookNode) -> Iterator[str]:
    start = "\n".join(cell.source for cell in notebook.cells[:3] if is_text(cell))
    _, found, after = start.partition("**You will be able to**")
    if not found:
        yield "the notebook: has no aim; write '**You will be able to**' in one of the first three cells"
        return
    verbs = re.findall(r"^- \*[^*\s]+\*", after, flags=re.MULTILINE)
    if len(verbs) != VERBS:
        yield f"the notebook: {len(verbs)} aims, expected {VERBS}; write each as '- *verb* …'"
    if "**Before this**" not in after:
        yield "the notebook: no prerequisites; after the aims say what comes '**Before this**'"
    if not re.search(r"\*\*Running time\*\*.*\bminutes?\b", after):
        yield "the notebook: no running time; after the aims write '**Running time**: … minutes'"


def closing(notebook: NotebookNode) -> Iterator[str]:
    lines = [line for cell in notebook.cells if is_text(cell) for line in unfenced(cell.source).splitlines()]
    for heading in HEADINGS:
        if not any(line.startswith(heading) for line in lines):
            yield f"the notebook: the section {heading!r} is missing; add it as a heading in a text cell"


def kernel(notebook: NotebookNode) -> Iterator[str]:
    name = notebook.metadata.get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"the notebook: kernelspec is {name!r}; every environment has 'python3', so write that name"


# ---- the rules: size and rhythm ------------------------------------------------------------------


def cell_count(notebook: NotebookNode) -> Iterator[str]:
    n = len(notebook.cells)
    if not FEWEST_CELLS <= n <= MOST_CELLS:
        remedy = "take smaller steps" if n < FEWEST_CELLS else "leave out what the summary does not need"
        yield f"the notebook: {n} cells, expected {FEWEST_CELLS} to {MOST_CELLS}; {remedy}"


def not_empty(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in enumerate(notebook.cells):
        if not cell.source.strip():
            yield at(i, cell, "is empty; delete it")


def code_length(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in code_cells(notebook):
        n = sum(bool(line.strip()) for line in cell.source.splitlines())
        if n > MOST_LINES:
            yield at(
                i, cell, f"{n} lines of code, at most {MOST_LINES}; split it, or move a part to colorlab"
            )


def line_length(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in code_cells(notebook):
        n = max(map(len, cell.source.splitlines()), default=0)
        if n > MOST_COLUMNS:
            yield at(i, cell, f"a line of {n} characters, at most {MOST_COLUMNS}; break it, or say less")


def text_length(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in enumerate(notebook.cells):
        if is_text(cell) and (n := len(words(cell.source))) > MOST_WORDS:
            yield at(i, cell, f"{n} words, at most {MOST_WORDS}; cut, or fold an aside into <details>")


def code_in_a_row(notebook: NotebookNode) -> Iterator[str]:
    run = 0
    for i, cell in enumerate(notebook.cells):
        run = run + 1 if cell.cell_type == "code" else 0
        if run == 3:
            yield at(i, cell, "the third code cell in a row; put a sentence between, or join two of them")


def file_size(notebook: NotebookNode) -> Iterator[str]:
    n = len(nbformat.writes(notebook).encode())
    if n > MOST_BYTES:
        yield f"the notebook: {n / 1e6:.2f} MB, at most {MOST_BYTES / 1e6:g}; show smaller or fewer pictures"


# ---- the rules: code -----------------------------------------------------------------------------


def parses(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in code_cells(notebook):
        if tree(cell.source) is None:
            yield at(i, cell, "is not Python; correct it (a blank to fill in is `...`)")


def parameters(notebook: NotebookNode) -> Iterator[str]:
    found = tagged(notebook, "parameters")
    if len(found) != 1:
        yield f"the notebook: {len(found)} cells tagged 'parameters', expected one; papermill needs it"
    for i, cell in found:
        if cell.cell_type != "code":
            yield at(i, cell, "is tagged 'parameters' and no code; move the tag to the code cell")
        elif (module := tree(cell.source)) is not None:
            commented = comment_lines(cell.source)
            for statement in module.body:
                if wrong := parameter_fault(statement, commented):
                    yield at(i, cell, f"`{ast.unparse(statement)}`: {wrong}")


def validated_parameters(notebook: NotebookNode) -> Iterator[str]:
    """What `Lesson` checks is given to it at once; what it does not know is at least used."""
    for i, cell in tagged(notebook, "parameters"):
        names = [n.target.id for n in nodes(cell) if isinstance(n, ast.AnnAssign)]
        later = [node for j, c in code_cells(notebook) if j > i for node in nodes(c)]
        following = next((c for j, c in code_cells(notebook) if j > i), None)
        calls = [n for n in (nodes(following) if following else []) if isinstance(n, ast.Call)]
        lesson = [call for call in calls if called_name(call) == "Lesson"]
        given = {n.id for call in lesson for n in ast.walk(call) if isinstance(n, ast.Name)}
        used = {node.id for node in later if isinstance(node, ast.Name)}
        for name in names:
            if name in LESSON_FIELDS and name not in given:
                yield at(i, cell, f"`{name}` is not checked; pass it to Lesson(...) in the next code cell")
            elif name not in used:
                yield at(i, cell, f"`{name}` changes nothing; use it in a later cell, or leave it out")


def no_files(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in code_cells(notebook):
        for call in (node for node in nodes(cell) if isinstance(node, ast.Call)):
            builtin = isinstance(call.func, ast.Name) and call.func.id == "open"
            argument = call.args[0] if call.args else None
            literal = isinstance(argument, ast.JoinedStr) or (
                isinstance(argument, ast.Constant)
                and isinstance(argument.value, str)
                and not argument.value.startswith(("https://", "http://"))
            )
            if builtin or (literal and called_name(call) in OPENERS):
                yield at(
                    i,
                    cell,
                    f"`{ast.unparse(call)}` depends on the folder the kernel runs in; "
                    "get data from colorlab.data or colorlab.files.media",
                )


def no_machine_paths(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in enumerate(notebook.cells):
        for place, text in [("source", cell.source), *(("an output", text) for text in output_texts(cell))]:
            text = re.sub(r"data:[\w/+.;=-]*base64,[\w+/=]*|https?://[^\s\"'<>)]+", " ", text)
            if found := MACHINE_PATH.search(text):
                yield at(i, cell, f"{place} names a path of one machine, {found[0]!r}; leave it out")


def no_crashes(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in enumerate(notebook.cells):
        if "raises-exception" in tags(cell):
            yield at(i, cell, "is tagged 'raises-exception', which papermill ignores; use try and except")
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            yield at(i, cell, "shows an error; correct it, or catch the error with try and print it")


# ---- the rules: outputs --------------------------------------------------------------------------


def outputs(notebook: NotebookNode) -> Iterator[str]:
    cells = code_cells(notebook)
    shown = sum(bool(cell.outputs) for _, cell in cells)
    if 2 * shown < len(cells):
        yield (
            f"the notebook: {shown} of {len(cells)} code cells have outputs, expected half; run `make outputs` "
            "and commit what it writes"
        )


def checked_outputs(notebook: NotebookNode) -> Iterator[str]:
    found = tagged(notebook, "nbval-check-output")
    if not found:
        yield (
            "the notebook: nbval compares nothing; tag a cell whose text does not depend on the preset "
            "'nbval-check-output'"
        )
    for i, cell in found:
        if cell.cell_type != "code" or not cell.outputs or cell.execution_count is None:
            yield at(
                i,
                cell,
                "tagged 'nbval-check-output' but without output or count, so it passes unseen; run it",
            )


def alt_texts(notebook: NotebookNode) -> Iterator[str]:
    remedy = "say what is to be seen (colorlab.plots.show does it for figures)"
    for i, cell in enumerate(notebook.cells):
        html = [unfenced(cell.source)] if is_text(cell) else []
        html += [
            joined(o.data["text/html"]) for o in cell.get("outputs", []) if "text/html" in o.get("data", {})
        ]
        if any(not alt.strip() for source in html for alt in alts(source)):
            yield at(i, cell, f"an <img> without alt text; {remedy}")
        if is_text(cell) and re.search(r"!\[\s*\]\(", unfenced(cell.source)):
            yield at(i, cell, f"a picture ![]() without alt text; {remedy}")
        for output in cell.get("outputs", []):
            kinds = [kind for kind in output.get("data", {}) if kind.startswith("image/")]
            if kinds and "text/html" not in output.data and not output.metadata.get(kinds[0], {}).get("alt"):
                yield at(i, cell, f"an {kinds[0]} output without alt text; {remedy}")


def pictures_for_every_viewer(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in code_cells(notebook):
        for output in cell.outputs:
            if re.search(r"<img\b[^>]*data:image", joined(output.get("data", {}).get("text/html", ""))):
                yield at(i, cell, "a picture inside HTML; show it with colorlab.plots.show, as PNG or JPEG")


def metadata(notebook: NotebookNode) -> Iterator[str]:
    remedy = "run nbstripout as .pre-commit-config.yaml does, or `make outputs`"
    for key in sorted({"widgets", "papermill"} & notebook.metadata.keys()):
        yield f"the notebook: metadata {key!r} is left from a run; {remedy}"
    for i, cell in enumerate(notebook.cells):
        for key in sorted({"execution", "papermill"} & cell.metadata.keys()):
            yield at(i, cell, f"metadata {key!r} is left from a run; {remedy}")


# ---- the rules: teaching -------------------------------------------------------------------------


def predict_and_explain(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in code_cells(notebook):
        kind = next((tag for tag in ("widget", "training") if tag in tags(cell)), None)
        if kind and not says(notebook.cells[max(0, i - 2) : i], "**Predict"):
            yield at(
                i, cell, f"a {kind} nobody predicted; write '**Predict**' in one of the two cells before"
            )
        if kind and not says(notebook.cells[i + 1 : i + 4], "**Explain"):
            yield at(
                i, cell, f"a {kind} left unexplained; write '**Explain**' in one of the three cells after"
            )


def names_no_result(notebook: NotebookNode) -> Iterator[str]:
    """What a reader sees before running anything: the picture on top, and the words in code."""
    remedy = "say what is drawn; the finding is computed, or stands below"
    for kind in (name for cell in notebook.cells[:1] for name in cell.get("attachments", {})):
        if not kind.startswith("header."):
            yield f"the notebook: the first cell shows {kind}; tag the cell whose picture poses the question 'header'"
    for alt in re.findall(r"!\[([^\]]*)\]", notebook.cells[0].source if notebook.cells else ""):
        if found := FINDINGS.search(alt):
            yield f"the notebook: the picture on top says {found[0]!r} in its alt text; {remedy}"
    for i, cell in code_cells(notebook):
        for text in strings(cell):
            if (found := FINDINGS.search(text)) and not {"exercise", "check"} & set(tags(cell)):
                yield at(i, cell, f"{text[:40]!r} says {found[0]!r} before anything ran; {remedy}")


def static_twin(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in code_cells(notebook):
        if "widget" not in tags(cell):
            continue
        twin = next((later for j, later in code_cells(notebook) if j > i), None)
        if twin is None or {"widget", "training", "exercise", "check"} & set(tags(twin)):
            yield at(i, cell, "a widget without a static twin; call the plain function in the next code cell")
        elif not twin.outputs:
            yield at(
                i, cell, "the widget's static twin, the next code cell, shows nothing; run `make outputs`"
            )


def twin_of_another_state(notebook: NotebookNode) -> Iterator[str]:
    for i, cell in code_cells(notebook):
        twin = next((later for j, later in code_cells(notebook) if j > i), None)
        own = any(name in cell.source for name in OWN_WIDGETS)
        if "widget" in tags(cell) and twin is not None and not own and ".twin(" not in twin.source:
            yield at(i, cell, "its twin may show what it shows itself; call the explorable's `twin(...)`")


def exercises(notebook: NotebookNode) -> Iterator[str]:
    found = tagged(notebook, "exercise")
    if not FEWEST_EXERCISES <= len(found) <= MOST_EXERCISES:
        expected = f"{FEWEST_EXERCISES} to {MOST_EXERCISES}"
        yield f"the notebook: {len(found)} cells tagged 'exercise', expected {expected}; add some or leave some out"
    for i, cell in found:
        if cell.cell_type != "code" or not has_blank(cell):
            yield at(i, cell, "an exercise with nothing to fill in; put `...` where the answer belongs")
    for i, cell in code_cells(notebook):
        if "NotImplementedError" in cell.source:
            yield at(i, cell, "NotImplementedError stops Run All; write `...` instead")


def checks(notebook: NotebookNode) -> Iterator[str]:
    waiting: tuple[int, NotebookNode] | None = None  # the exercise whose check is still to come
    for i, cell in enumerate(notebook.cells):
        if "exercise" in tags(cell):
            if waiting:
                yield at(*waiting, "an exercise without a check; tag one cell after it 'check'")
            waiting = (i, cell)
        if "check" in tags(cell):
            if not waiting:
                yield at(i, cell, "a check without an exercise before it; each exercise has just one check")
            waiting = None
    if waiting:
        yield at(*waiting, "an exercise without a check; tag one cell after it 'check'")
    for i, cell in tagged(notebook, "check"):
        if not re.fullmatch(r"\w+\.q\d+\(\w+\)", cell.source.strip()):
            yield at(i, cell, "progress and nbgrader cannot read this; write one call, `check.q1(answer)`")


# ---- the rules: among all notebooks --------------------------------------------------------------


def links(notebooks: dict[str, NotebookNode]) -> Iterator[str]:
    """Back in "Before this", on in "## Next", and each to a notebook that is there."""
    names = list(notebooks)
    for k, (name, notebook) in enumerate(notebooks.items()):
        text = "\n\n".join(cell.source for cell in notebook.cells if is_text(cell))
        for linked in linked_notebooks(text):
            if linked not in notebooks:
                yield f"{name}: links to {linked}, which does not exist; there are {', '.join(names)}"
        before = text.partition("**Before this**")[2].partition("**Running time**")[0]
        if k > 0 and not set(linked_notebooks(before)) & set(names[:k]):
            yield f"{name}: no way back; in '**Before this**' link to an earlier notebook"
        following = text.partition("\n## Next")[2].partition("**Sources**")[0]
        if k < len(names) - 1 and not set(linked_notebooks(following)) & set(names[k + 1 :]):
            yield f"{name}: no way on; under '## Next' link to a later notebook, such as {names[k + 1]}"


def defined_once(notebooks: dict[str, NotebookNode]) -> Iterator[str]:
    """Neither in two notebooks, nor under the name of something that the library offers."""
    offered = library_names(notebooks)
    first: dict[str, str] = {}
    for name, notebook in notebooks.items():
        for i, cell in code_cells(notebook):
            for definition in (tree(cell.source) or ast.Module([])).body:
                if not isinstance(definition, ast.FunctionDef | ast.ClassDef):
                    continue
                what = definition.name
                if what in offered:
                    fault = (
                        f"defines `{what}`, which {offered[what]} offers; import it, or choose another name"
                    )
                    yield f"{name}: {at(i, cell, fault)}"
                elif first.setdefault(what, name) != name:
                    fault = f"`{what}` is defined in {first[what]} as well; move it to colorlab"
                    yield f"{name}: {at(i, cell, fault)}"


RULES = (
    title,
    promise,
    first_screen,
    closing,
    kernel,
    cell_count,
    not_empty,
    code_length,
    line_length,
    text_length,
    code_in_a_row,
    file_size,
    parses,
    parameters,
    validated_parameters,
    no_files,
    no_machine_paths,
    no_crashes,
    outputs,
    checked_outputs,
    alt_texts,
    pictures_for_every_viewer,
    metadata,
    predict_and_explain,
    names_no_result,
    static_twin,
    twin_of_another_state,
    exercises,
    checks,
)
COURSE_RULES = (links, defined_once)


# ---- what the rules are made of ------------------------------------------------------------------


def at(i: int, cell: NotebookNode, fault: str) -> str:
    """The cell by its index and its first words, which is how an author finds it in JupyterLab."""
    first = cell.source.strip().split("\n")[0]
    return f"cell {i} ({first[:40] + '…' if len(first) > 40 else first}): {fault}"


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def is_text(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown"


def code_cells(notebook: NotebookNode) -> list[tuple[int, NotebookNode]]:
    return [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]


def tagged(notebook: NotebookNode, tag: str) -> list[tuple[int, NotebookNode]]:
    return [(i, cell) for i, cell in enumerate(notebook.cells) if tag in tags(cell)]


def says(cells: list[NotebookNode], words: str) -> bool:
    return any(is_text(cell) and words in cell.source for cell in cells)


def joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def unfenced(source: str) -> str:
    """Markdown without its fenced code."""
    fence = r"^[ \t]*(`{3,}|~{3,})[^\n]*\n.*?^[ \t]*\1[`~]*[ \t]*$"
    return re.sub(fence, " ", source, flags=re.MULTILINE | re.DOTALL)


def words(source: str) -> list[str]:
    """The words of a text cell a reader cannot skip.

    Not counted: fenced code, tables, what is folded into <details>, URLs, pictures, tags. A formula is one word.
    """
    text = re.sub(r"<!--.*?-->", " ", unfenced(source), flags=re.DOTALL)
    folded = re.compile(r"<details\b(?:(?!<details\b).)*?</details>", re.DOTALL)
    while folded.search(text):  # from the inside outwards
        text = folded.sub(" ", text)
    text = re.sub(r"<table\b.*?</table>", " ", text, flags=re.DOTALL)
    text = re.sub(r"^[ \t]*\|.*$", " ", text, flags=re.MULTILINE)
    text = re.sub(r"\$\$.+?\$\$|\$[^$\n]+\$", " formula ", text, flags=re.DOTALL)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    text = re.sub(r"<?\bhttps?://\S+", " ", text)
    text = re.sub(r"</?[a-zA-Z][^>]*>", " ", text)
    return [word for word in text.split() if re.search(r"\w", word)]


@cache
def tree(source: str) -> ast.Module | None:
    """A code cell as IPython reads it: magics become calls, `await` may stand alone. None if it is no code."""
    plain = TransformerManager().transform_cell(source)
    try:
        return compile(plain, "<cell>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return None


def nodes(cell: NotebookNode) -> list[ast.AST]:
    module = tree(cell.source)
    return [] if module is None else list(ast.walk(module))


def strings(cell: NotebookNode) -> list[str]:
    """The literal texts in code, of f-strings what is not computed; docstrings are none."""
    docs = {
        id(node.body[0].value)
        for node in nodes(cell)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in nodes(cell)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


def has_blank(cell: NotebookNode) -> bool:
    """Whether `...` stands where an answer belongs; the one in `ab[..., 0]` is none."""
    slices = [node.slice for node in nodes(cell) if isinstance(node, ast.Subscript)]
    known = {id(inner) for part in slices for inner in ast.walk(part)}
    return any(isinstance(n, ast.Constant) and n.value is ... and id(n) not in known for n in nodes(cell))


def linked_notebooks(markdown: str) -> list[str]:
    """The notebooks that a text links to, by their file names."""
    return re.findall(r"\]\((\d\d_\w+\.ipynb)(?:#[^)]*)?\)", markdown)


def library_names(notebooks: dict[str, NotebookNode]) -> dict[str, str]:
    """Public function or class -> its module, of every module of the library that some notebook imports from."""
    imports = [
        node
        for notebook in notebooks.values()
        for _, cell in code_cells(notebook)
        for node in nodes(cell)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("colorlab.")
    ]
    found = {}
    for module in sorted({node.module for node in imports} - {"colorlab.checks"}):
        source = Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                found[node.name] = module
    return found


def called_name(call: ast.Call) -> str:
    """`Image.open(...)` -> "open"."""
    return getattr(call.func, "attr", None) or getattr(call.func, "id", "")


def comment_lines(source: str) -> set[int]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0] for token in tokens if token.type == tokenize.COMMENT}


def parameter_fault(statement: ast.stmt, commented: set[int]) -> str | None:
    """What is wrong with one statement of the parameters cell."""
    if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
        return "write `name: type = literal  # comment`, nothing else"
    try:
        value = ast.literal_eval(statement.value)
    except (ValueError, TypeError):
        return "not a literal; derive values in the next cell, papermill replaces only these lines"
    declared = ast.unparse(statement.annotation)
    if type(value) not in SIMPLE_TYPES.get(declared, (type(value),)):
        return f"{value!r} is no {declared}; correct the type or the value"
    if commented.isdisjoint(range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)):
        return "no comment; say after it what it does, in which unit"
    return None


def output_texts(cell: NotebookNode) -> Iterator[str]:
    """What a cell printed, as text; pictures are left out."""
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            yield joined(output.text)
        for kind, content in output.get("data", {}).items():
            if kind.startswith("text/"):
                yield joined(content)


def alts(html: str) -> list[str]:
    """The alt text of every <img>, "" where there is none."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag == "img":
                found.append(dict(attributes).get("alt") or "")

    Reader().feed(html)
    return found
