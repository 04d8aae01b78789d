"""Every notebook keeps the rules, and every rule fires when it is broken."""

from collections.abc import Callable
from pathlib import Path

import nbformat
import notebook_rules as rules
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from notebook_rules import course_faults, faults

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert NOTEBOOKS, "notebooks/ holds no notebook: the rules below would pass on nothing"


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_the_rules(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    found = faults(notebook)
    assert not found, f"{path.name} has {len(found)} faults:\n" + "\n".join(found)


@pytest.mark.slow
def test_the_notebooks_together_keep_the_rules():
    found = course_faults({path.name: nbformat.read(path, as_version=4) for path in NOTEBOOKS})
    assert not found, f"{len(found)} faults:\n" + "\n".join(found)


# ---- a notebook that keeps every rule ------------------------------------------------------------


def text(source: str) -> NotebookNode:
    return new_markdown_cell(source)


def code(source: str, *tags: str, shows: list[NotebookNode] | None = None) -> NotebookNode:
    metadata = {"tags": list(tags)} if tags else {}
    return new_code_cell(source, metadata=metadata, outputs=shows or [], execution_count=1)


def printed(words: str) -> NotebookNode:
    return new_output("stream", name="stdout", text=words)


def html(source: str) -> NotebookNode:
    return new_output("display_data", data={"text/html": source, "text/plain": "a figure"})


def picture(**alt: str) -> NotebookNode:
    return new_output(
        "display_data", data={"image/png": "iVBORw0KGgo="}, metadata={"image/png": alt} if alt else {}
    )


PARAMETERS = 'preset: str = "cpu"  # how long to train\nrate: float = 1  # of learning\nseed: int = 0  # of the weights'
FIRST_SCREEN = """**You will be able to**

- *compute* a floor;
- *read* a loss curve;
- *refute* a claim.

**Before this**: [04](04_regression.ipynb). **Running time**: about 20 minutes to read."""
SETUP, TRAINING, WIDGET, TWIN, EXERCISE, CHECK = 4, 6, 9, 10, 12, 13  # where they are in `good`


def good() -> NotebookNode:
    cells = [
        text("# 05 · Why is it brown?\n\n*A short promise.*"),
        text(FIRST_SCREEN),
        code(PARAMETERS, "parameters"),
        text("## Set-up"),
        code("print(Lesson(preset, seed=seed))", "nbval-check-output", shows=[printed("ready\n")]),
        text("**Predict** where the loss ends."),
        code("history = fit(colorizer, data, rate)", "training", shows=[printed("300 steps\n")]),
        text("**Explain** what you saw."),
        text("**Predict** what the slider does."),
        code("HintPainter()", "widget"),  # which needs no `twin`
        code("plots.show(plots.bins(10), alt='262 bins')", shows=[html('<img alt="262 bins" src="data:,">')]),
        text("**Explain** the number."),
        code("def mean(p, colors):\n    return ...", "exercise"),
        code("brown_well.q1(mean)", "check", shows=[html("<b>not attempted</b>")]),
        text("One more, without a hint."),
        code("answer = ...\nprint(answer)", "exercise", shows=[printed("Ellipsis\n")]),
        code("brown_well.q2(answer)", "check", shows=[html("<b>not attempted</b>")]),
        text("## A failure corner: a loss below the floor\n\n## Summary\n\nThe floor is a variance."),
        text("## Self-test\n\n<details><summary>Why?</summary>Because.</details>"),
        text("## Next\n\n[06](06_color_bins.ipynb). **Sources**: [04](04_regression.ipynb)."),
    ]
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernelspec})


def test_a_good_notebook_has_no_faults():
    nbformat.validate(good())
    assert faults(good()) == []


# ---- each rule, broken ---------------------------------------------------------------------------

BROKEN: list[tuple[str, Callable, str, Callable[[NotebookNode], object]]] = []


def breaks(rule: Callable, says: str):
    """Register a function that spoils a good notebook so that `rule`, and no other, complains with `says`."""

    def register(spoil: Callable[[NotebookNode], object]):
        BROKEN.append((spoil.__name__, rule, says, spoil))
        return spoil

    return register


@breaks(rules.title, "begin with its title")
def no_title(notebook):
    notebook.cells[0].source = "## Why is it brown?\n\n*A short promise.*"


@breaks(rules.title, "begin with its title")
def title_in_a_code_cell(notebook):
    notebook.cells.insert(0, code("# Why is it brown?", shows=[printed("x")]))


@breaks(rules.promise, "promises nothing")
def bold_is_no_promise(notebook):
    notebook.cells[0].source = "# 05 · Why is it brown?\n\n**A short promise.**"


@breaks(rules.promise, "promises nothing")
def promise_too_late(notebook):
    notebook.cells[0].source = "# 05 · Why is it brown?"
    notebook.cells[3].source = "*A short promise.*"


@breaks(rules.first_screen, "has no aim")
def aims_too_late(notebook):
    notebook.cells[1].source, notebook.cells[3].source = "Welcome.", FIRST_SCREEN


@breaks(rules.first_screen, "2 aims, expected 3")
def an_aim_without_its_verb(notebook):
    notebook.cells[1].source = FIRST_SCREEN.replace("*read*", "read")


@breaks(rules.first_screen, "4 aims, expected 3")
def too_many_aims(notebook):
    notebook.cells[1].source = FIRST_SCREEN.replace("- *read*", "- *draw* it;\n- *read*")


@breaks(rules.first_screen, "no prerequisites")
def no_prerequisites(notebook):
    notebook.cells[1].source = FIRST_SCREEN.replace("**Before this**", "See")


@breaks(rules.first_screen, "no running time")
def running_time_without_minutes(notebook):
    notebook.cells[1].source = FIRST_SCREEN.replace("20 minutes", "a while")


@breaks(rules.first_screen, "no running time")
def minutes_before_the_aims(notebook):
    notebook.cells[1].source = "**Running time**: 20 minutes.\n\n" + FIRST_SCREEN.partition(" **Running")[0]


@breaks(rules.line_length, "a line of 91 characters, at most 90")
def a_line_that_scrolls(notebook):
    notebook.cells[SETUP].source += "\n" + "x" * 91


@breaks(rules.pictures_for_every_viewer, "a picture inside HTML")
def a_picture_that_not_every_viewer_shows(notebook):
    notebook.cells[TRAINING].outputs = [html('<img alt="a" src="data:image/webp;base64,QUJD">')]


@breaks(rules.names_no_result, "says 'vivid' before anything ran")
def a_title_that_gives_the_answer(notebook):
    notebook.cells[TRAINING].source += "\npictures(images, title='The second is vivid')"


@breaks(rules.names_no_result, "says 'more' before anything ran")
def an_alt_text_that_gives_the_answer(notebook):
    notebook.cells[TRAINING].source += "\nshow(figure, alt=f'It takes {steps} steps more')"


@breaks(rules.names_no_result, "the picture on top says 'brownish'")
def a_picture_on_top_whose_words_give_the_answer(notebook):
    notebook.cells[0].source += "\n\n![The brownish answer](attachment:header.png)"
    notebook.cells[0].attachments = {"header.png": {"image/png": "QUJD"}}


@breaks(rules.names_no_result, "the first cell shows result.webp")
def a_picture_on_top_that_is_the_answer(notebook):
    notebook.cells[0].source += "\n\n![A picture](attachment:result.webp)"
    notebook.cells[0].attachments = {"result.webp": {"image/webp": "QUJD"}}


@breaks(rules.twin_of_another_state, "its twin may show what it shows itself")
def a_twin_that_repeats_the_widget(notebook):
    notebook.cells[WIDGET].source = "bin_slider()"
    notebook.cells[TWIN].source = "plots.show(render(step=3), alt=describe(step=3))"


@breaks(rules.closing, "'## Summary'")
def no_summary(notebook):
    notebook.cells[-3].source = "## A failure corner\n\nThe floor is a variance."


@breaks(rules.closing, "'## A failure corner'")
def no_failure_corner(notebook):
    notebook.cells[-3].source = "## Summary"


@breaks(rules.closing, "'## Self-test'")
def self_test_only_in_a_fence(notebook):
    notebook.cells[-2].source = "```\n## Self-test\n```"


@breaks(rules.closing, "'## Next'")
def no_next(notebook):
    notebook.cells[-1].source = "Next and sources"


@breaks(rules.kernel, "'conda-env-py'")
def another_kernel(notebook):
    notebook.metadata.kernelspec.name = "conda-env-py"


@breaks(rules.kernel, "None")
def no_kernel(notebook):
    del notebook.metadata["kernelspec"]


@breaks(rules.cell_count, "14 cells")
def too_few_cells(notebook):
    notebook.cells[17].source = "## A failure corner\n## Summary\n## Self-test\n## Next"
    notebook.cells[SETUP].source += "\nprint(rate)"
    del notebook.cells[18:], notebook.cells[5:8], notebook.cells[3]


@breaks(rules.cell_count, "61 cells")
def too_many_cells(notebook):
    notebook.cells.extend(text("More.") for _ in range(41))


@breaks(rules.not_empty, "cell 3")
def empty_cell(notebook):
    notebook.cells[3].source = " \n"


@breaks(rules.code_length, "26 lines")
def long_code(notebook):
    notebook.cells[TWIN].source = "\n\n".join(f"a{n} = {n}" for n in range(26))


@breaks(rules.text_length, "121 words")
def long_text(notebook):
    notebook.cells[3].source = " ".join(["word"] * 121)


@breaks(rules.code_in_a_row, "cell 6")
def three_code_cells_in_a_row(notebook):
    notebook.cells[5:5] = [code("a = 1", shows=[printed("x")]), code("b = 2", shows=[printed("x")])]


@breaks(rules.file_size, "MB")
def too_large(notebook):
    notebook.cells[SETUP].outputs = [printed("x" * 1_000_000)]


@breaks(rules.parses, "is not Python")
def not_python(notebook):
    notebook.cells[TWIN].source = "plots.show("


@breaks(rules.parameters, "0 cells tagged")
def no_parameters(notebook):
    del notebook.cells[2].metadata["tags"]


@breaks(rules.parameters, "2 cells tagged")
def two_parameter_cells(notebook):
    notebook.cells[TWIN] = code("depth: int = 3  # levels", "parameters", shows=[printed("x")])
    notebook.cells[EXERCISE].source += "\n\nprint(depth)"


@breaks(rules.parameters, "no code")
def parameters_in_a_text_cell(notebook):
    notebook.cells[2] = text("preset")
    notebook.cells[2].metadata.tags = ["parameters"]


@breaks(rules.parameters, "`name: type = literal")
def untyped_parameter(notebook):
    notebook.cells[2].source = "seed = 0  # of the weights"


@breaks(rules.parameters, "`name: type = literal")
def import_among_parameters(notebook):
    notebook.cells[2].source += "\nimport torch  # no parameter"


@breaks(rules.parameters, "not a literal")
def derived_parameter(notebook):
    notebook.cells[2].source += "\nsteps: int = 10 * seed  # goes stale"
    notebook.cells[TRAINING].source += "\nprint(steps)"


@breaks(rules.parameters, "'0' is no int")
def parameter_of_another_type(notebook):
    notebook.cells[2].source = 'seed: int = "0"  # of the weights'


@breaks(rules.parameters, "True is no int")
def truth_for_a_number(notebook):
    notebook.cells[2].source = "seed: int = True  # of the weights"


@breaks(rules.parameters, "no comment")
def parameter_without_comment(notebook):
    notebook.cells[2].source = "# the seed\nseed: int = 0"


@breaks(rules.validated_parameters, "`seed` is not checked")
def parameter_kept_from_the_lesson(notebook):
    notebook.cells[SETUP].source = "print(Lesson(preset), seed)"


@breaks(rules.validated_parameters, "`seed` is not checked")
def parameter_checked_too_late(notebook):
    notebook.cells[SETUP].source = "lesson = Lesson(preset)"
    notebook.cells[TRAINING].source += "\nLesson(seed=seed)"


@breaks(rules.validated_parameters, "`rate` changes nothing")
def parameter_without_use(notebook):
    notebook.cells[TRAINING].source = "history = fit(colorizer, data)"


@breaks(rules.no_files, "open(name)")
def opens_a_file(notebook):
    notebook.cells[TWIN].source = "print(open(name).read())"


@breaks(rules.no_files, "Path('data')")
def relative_path(notebook):
    notebook.cells[TWIN].source = 'folder = Path("data") / name'


@breaks(rules.no_files, "Image.open('cat.png')")
def relative_picture(notebook):
    notebook.cells[TWIN].source = "%matplotlib inline\nImage.open('cat.png')"


@breaks(rules.no_machine_paths, "source names a path")
def machine_path_in_the_source(notebook):
    notebook.cells[3].source = "Unpack it to `/home/ada/pictures`."


@breaks(rules.no_machine_paths, "an output names a path")
def machine_path_in_an_output(notebook):
    notebook.cells[SETUP].outputs = [printed("/usr/lib/python3/site.py:3: UserWarning")]


@breaks(rules.no_machine_paths, "an output names a path")
def machine_path_in_a_representation(notebook):
    notebook.cells[SETUP].outputs = [html("<b>at</b> C:\\Users\\ada")]


@breaks(rules.no_crashes, "shows an error")
def error_output(notebook):
    notebook.cells[SETUP].outputs.append(new_output("error", ename="ValueError", evalue="no", traceback=[]))


@breaks(rules.no_crashes, "raises-exception")
def tagged_to_raise(notebook):
    notebook.cells[TWIN].metadata.tags = ["raises-exception"]


@breaks(rules.outputs, "4 of 9 code cells")
def few_outputs(notebook):
    for i in (TRAINING, CHECK):
        notebook.cells[i].outputs = []


@breaks(rules.checked_outputs, "passes unseen")
def checked_cell_without_output(notebook):
    notebook.cells[SETUP].outputs = []


@breaks(rules.checked_outputs, "passes unseen")
def checked_cell_without_count(notebook):
    notebook.cells[SETUP].execution_count = None


@breaks(rules.checked_outputs, "passes unseen")
def checked_text(notebook):
    notebook.cells[3].metadata.tags = ["nbval-check-output"]


@breaks(rules.checked_outputs, "compares nothing")
def nothing_checked(notebook):
    del notebook.cells[SETUP].metadata["tags"]


@breaks(rules.alt_texts, "<img> without alt")
def image_without_alt(notebook):
    notebook.cells[TWIN].outputs = [html('<p><img src="data:,"></p>')]


@breaks(rules.alt_texts, "<img> without alt")
def one_image_of_two_with_blank_alt(notebook):
    notebook.cells[TWIN].outputs = [html('<img alt="a"><img alt=" ">')]


@breaks(rules.alt_texts, "<img> without alt")
def image_without_alt_in_a_text(notebook):
    notebook.cells[0].source += '\n\n<img src="data:,">'


@breaks(rules.alt_texts, "![]()")
def markdown_picture_without_alt(notebook):
    notebook.cells[0].source += "\n\n![](attachment:result.png)"


@breaks(rules.alt_texts, "image/png output")
def bare_picture(notebook):
    notebook.cells[TWIN].outputs = [picture()]


@breaks(rules.metadata, "'widgets'")
def widget_state(notebook):
    notebook.metadata.widgets = {}


@breaks(rules.metadata, "'papermill'")
def papermill_metadata(notebook):
    notebook.metadata.papermill = {}


@breaks(rules.metadata, "'execution'")
def execution_times(notebook):
    notebook.cells[SETUP].metadata.execution = {}


@breaks(rules.metadata, "'papermill'")
def papermill_metadata_of_a_cell(notebook):
    notebook.cells[SETUP].metadata.papermill = {}


@breaks(rules.predict_and_explain, "a training nobody predicted")
def training_without_predict(notebook):
    notebook.cells[5].source = "Predict nothing."


@breaks(rules.predict_and_explain, "a training left unexplained")
def training_without_explain(notebook):
    notebook.cells[7].source = "Now go on."


@breaks(rules.predict_and_explain, "a widget nobody predicted")
def predict_too_early(notebook):
    notebook.cells[8:9] = [notebook.cells[8], text("First this."), text("Then that.")]


@breaks(rules.predict_and_explain, "a widget left unexplained")
def explain_too_late(notebook):
    notebook.cells[11:12] = [text("First this."), text("Then that."), notebook.cells[11]]


@breaks(rules.static_twin, "without a static twin")
def widget_before_an_exercise(notebook):
    del notebook.cells[TWIN]


@breaks(rules.static_twin, "without a static twin")
def widget_at_the_end(notebook):
    notebook.cells += [text("**Predict**"), code("BinSlider()", "widget"), text("**Explain**")]


@breaks(rules.static_twin, "shows nothing")
def twin_without_output(notebook):
    notebook.cells[TWIN].outputs = []


@breaks(rules.exercises, "1 cells tagged 'exercise'")
def one_exercise(notebook):
    del notebook.cells[15].metadata["tags"], notebook.cells[16].metadata["tags"]


@breaks(rules.exercises, "5 cells tagged 'exercise'")
def too_many_exercises(notebook):
    for n in (3, 4, 5):
        notebook.cells[17:17] = [
            text("One more."),
            code("answer = ...", "exercise", shows=[printed("x")]),
            code(f"check.q{n}(answer)", "check", shows=[printed("x")]),
        ]


@breaks(rules.exercises, "nothing to fill in")
def solved_exercise(notebook):
    notebook.cells[EXERCISE].source = "answer = ab[..., 0]  # not ... but solved"


@breaks(rules.exercises, "nothing to fill in")
def exercise_in_a_text_cell(notebook):
    notebook.cells[EXERCISE] = text("Fill in ...")
    notebook.cells[EXERCISE].metadata.tags = ["exercise"]


@breaks(rules.exercises, "NotImplementedError")
def exercise_that_raises(notebook):
    notebook.cells[EXERCISE].source = "def mean(p):\n    ...\n    raise NotImplementedError"


@breaks(rules.checks, "cell 12")
def exercise_without_check(notebook):
    del notebook.cells[CHECK].metadata["tags"]


@breaks(rules.checks, "cell 15")
def last_exercise_without_check(notebook):
    del notebook.cells[16].metadata["tags"]


@breaks(rules.checks, "without an exercise before")
def check_without_exercise(notebook):
    notebook.cells[CHECK + 1 : CHECK + 1] = [text("Check."), code("c.q3(x)", "check", shows=[printed("x")])]


@breaks(rules.checks, "cannot read this")
def check_of_another_form(notebook):
    notebook.cells[CHECK].source = "result = brown_well.q1(mean)\nresult"


# ---- the rules among all notebooks, broken -------------------------------------------------------


def good_course() -> dict[str, NotebookNode]:
    first, middle, last = good(), good(), good()
    first.cells[1].source = FIRST_SCREEN.replace("[04](04_regression.ipynb)", "nothing")
    first.cells[-1].source = "## Next\n\n[05](05_brown_well.ipynb#part)"
    last.cells[1].source = FIRST_SCREEN.replace("04_regression", "05_brown_well")
    last.cells[-1].source = "## Next\n\nBack to [04](04_regression.ipynb)."
    notebooks = {"04_regression.ipynb": first, "05_brown_well.ipynb": middle, "06_color_bins.ipynb": last}
    for name, notebook in notebooks.items():
        notebook.cells[EXERCISE].source = f"def my_{name[3:-6]}(): ..."
    return notebooks


def defines(source: str) -> NotebookNode:
    return code(f"from colorlab.toy import Marbles\n\n\n{source}")


COURSE_BROKEN: list[tuple[Callable, str, dict[int, NotebookNode]]] = [
    (rules.links, "links to 03_unet.ipynb, which does not exist", {3: text("[03](03_unet.ipynb)")}),
    (rules.links, "no way back", {1: text(FIRST_SCREEN.replace("04_regression", "06_color_bins"))}),
    (
        rules.links,
        "no way back",
        {1: text("[04](04_regression.ipynb) **Before this**: nothing. **Running time**: …")},
    ),
    (rules.links, "no way on", {-1: text("## Next\n\n[04](04_regression.ipynb)")}),
    (rules.links, "no way on", {-1: text("## Next\n\n**Sources**: [06](06_color_bins.ipynb)")}),
    (rules.defined_once, "`World`, which colorlab.toy offers", {SETUP: defines("class World: ...")}),
]


def test_a_good_course_has_no_faults():
    assert course_faults(good_course()) == []


@pytest.mark.parametrize(("rule", "says", "cells"), COURSE_BROKEN)
def test_a_broken_rule_of_the_course_is_the_one_that_complains(rule, says, cells):
    notebooks = good_course()
    for i, cell in cells.items():
        notebooks["05_brown_well.ipynb"].cells[i] = cell
    found = course_faults(notebooks)
    assert found == list(rule(notebooks))
    assert len(found) == 1
    assert found[0].startswith("05_brown_well.ipynb: ")
    assert says in found[0]


def test_the_same_function_in_two_notebooks_is_a_fault():
    notebooks = {"04_regression.ipynb": good(), "05_brown_well.ipynb": good()}  # both define `mean`
    (fault,) = rules.defined_once(notebooks)
    assert fault.startswith("05_brown_well.ipynb: ")
    assert "`mean` is defined in 04_regression.ipynb as well" in fault


def test_every_rule_of_the_course_is_broken_once():
    assert {rule for rule, _, _ in COURSE_BROKEN} == set(rules.COURSE_RULES)


@pytest.mark.parametrize(
    ("rule", "says", "spoil"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN]
)
def test_a_broken_rule_is_the_one_that_complains(rule, says, spoil):
    notebook = good()
    spoil(notebook)
    found = faults(notebook)
    assert found == list(rule(notebook)), "another rule complains too"
    assert len(found) == 1
    assert says in found[0]


def test_every_rule_is_broken_once():
    assert {rule for _, rule, _, _ in BROKEN} == set(rules.RULES)


def test_a_fault_names_the_cell_and_the_remedy():
    notebook = good()
    notebook.cells[3].source = "\n"
    notebook.cells[TWIN].source = "x = 1\n" * 30
    assert faults(notebook) == [
        "cell 3 (): is empty; delete it",
        "cell 10 (x = 1): 30 lines of code, at most 25; split it, or move a part to colorlab",
    ]


def test_a_notebook_without_cells_is_refused_without_a_crash():
    assert len(faults(new_notebook())) >= 5


# ---- what the rules are made of ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("## The *brown* well — why?", 4),
        ("before\n```python\nmany words here\n```\nafter", 2),
        ("before\n~~~\n```\nmany words\n~~~\nafter", 2),
        ("| a | table |\n|---|---|\n| of | words |\n\nafter", 1),
        ("<table><tr><td>one two</td></tr></table> after", 1),
        ("see [the paper](https://example.org/a-b) and https://example.org/c", 4),
        ("![a long alt text](attachment:a.png) seen", 1),
        ('<img alt="a long alt text" src="data:,"> seen', 1),
        ("<details><summary>Why?</summary>many words</details> after", 1),
        ("<details>a<details>b</details>c</details> after", 1),
        ("<details> never closed", 2),
        ("the loss $L_R(X) = 1/n \\sum x$ and\n\n$$a + b$$", 5),
        ("<!-- a note --> seen", 1),
    ],
)
def test_words_counts_what_a_reader_cannot_skip(source: str, count: int):
    assert len(rules.words(source)) == count


@pytest.mark.parametrize(
    "harmless",
    [
        "https://example.org/home/ada/x",
        "`red/green/blue`, L*/a*/b* and 3/4",
        "<td>1</td></tr>",
        '<img alt="a" src="data:image/png;base64,/home/abc/def==">',
        "km/h and/or m/s",
        "$f: \\mathbb{R}/\\sigma/x$",
        "f'{folder}/name/x'",
    ],
)
def test_what_looks_like_a_machine_path_and_is_none(harmless: str):
    notebook = good()
    notebook.cells[3].source = harmless
    assert list(rules.no_machine_paths(notebook)) == []


@pytest.mark.parametrize(
    "source",
    [
        "%matplotlib inline\n!pip list\nawait something()",
        "torch.load(stream)\nImage.open(io.BytesIO(data))",
        "read_image('https://example.org/cat.png')",
        "'NotImplemented and open(x) in a string'",
    ],
)
def test_harmless_code_is_let_through(source: str):
    notebook = good()
    notebook.cells[TWIN].source = source
    assert faults(notebook) == []


def test_a_picture_with_its_own_alt_text_is_let_through():
    notebook = good()
    notebook.cells[TWIN].outputs = [picture(alt="262 bins")]
    assert faults(notebook) == []
