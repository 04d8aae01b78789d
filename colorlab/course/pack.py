"""A teaching pack: every notebook as slides and as PDF, with nothing left to fetch."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path

from nbconvert import SlidesExporter
from nbformat import NotebookNode

from colorlab.course.browser import as_pdf
from colorlab.course.contents import notebooks
from colorlab.course.pages import Offline, prepare, render
from colorlab.course.reading import read_notebook
from colorlab.files.whole import clear_leftovers, write_whole

REVEAL = (
    "dist/reveal.js",
    "dist/reveal.css",
    "dist/theme",
    "plugin/notes",
)  # of reveal.js, beside the slides
# nbconvert's own, less MathJax, require.js, Mermaid and jQuery, which it fetches to start reveal.js.
TEMPLATE = (
    "{% extends 'reveal/index.html.j2' %}"
    + "".join(
        f"{{% block {name} %}}{{% endblock %}}"
        for name in ("html_head_js", "jupyter_widgets", "html_head_js_mathjax")
    )
    + """{% block footer_js %}<script src="reveal/dist/reveal.js"></script>
<script src="reveal/plugin/notes/notes.js"></script>
<script>Reveal.initialize({ hash: true, slideNumber: true, transition: 'none',
  width: 1100, height: 750, plugins: [RevealNotes] });</script>
{% endblock %}"""
)
STYLE = """<style>
.reveal .slides section { text-align: left; overflow-y: auto; max-height: 740px; }
.reveal :is(h1, h2, h3) { text-transform: none; }
.reveal .slides :is(.jp-RenderedHTMLCommon, .jp-RenderedHTMLCommon :is(p, li)) { font-size: 28px; line-height: 1.35; }
.reveal .slides pre { width: auto; box-shadow: none; font-size: 21px !important; white-space: pre-wrap !important; }
.reveal img { width: auto; max-height: 520px; max-width: 100%; } .jp-InputPrompt, .jp-OutputPrompt { display: none; }
</style></head>"""
PAPER = """<style>
@page { size: A4; margin: 15mm; }
pre { white-space: pre-wrap !important; font-size: 11px !important; }
pre, img, math[display=block], :is(h1, h2, h3) { break-inside: avoid; } :is(h1, h2, h3) { break-after: avoid; }
.jp-InputPrompt, .jp-OutputPrompt { display: none; }
</style></head>"""


class PackError(RuntimeError):
    """A package is missing that slides need; the message says how to get it."""


class _Slides(Offline, SlidesExporter):
    """Text, pictures and what cells print; the code is in the notebook and in the PDF."""


def copy_reveal(out: Path) -> None:
    """reveal.js, as the package sphinx-revealjs holds it, into the folder `reveal`.

    Raises:
        PackError: that package, the extra `slides`, is not installed.
    """
    found = importlib.util.find_spec("sphinx_revealjs")
    if found is None:
        raise PackError("slides need the extra `slides`: pip install 'colorlab-course[slides]'")
    source = Path(found.origin).parent / "_static/revealjs"
    for name in REVEAL:
        files = (source / name).rglob("*") if (source / name).is_dir() else [source / name]
        for file in filter(Path.is_file, files):
            target = out / "reveal" / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            clear_leftovers(target.parent)
            write_whole(target, file.read_bytes())


def slides(path: Path) -> str:
    """A notebook as slides that look for reveal.js in the folder `reveal` beside them.

    A heading begins a column; every other text, and every cell that shows something, is a slide below it,
    but for what comes right after a heading without a text: it stands on the same slide.
    """
    notebook = read_notebook(path)
    lone = False  # a heading that waits for company
    for cell in notebook.cells:
        kind = _kind(cell)
        cell.metadata["slideshow"] = {"slide_type": "-" if lone and kind == "subslide" else kind}
        lone = (lone and kind == "skip") or (kind == "slide" and "\n" not in cell.source.strip())
    prepare(notebook, path.stem)
    exporter = _Slides(
        raw_template=TEMPLATE, reveal_url_prefix="reveal", reveal_theme="white", exclude_input=True
    )
    return exporter.from_notebook_node(notebook)[0].replace("</head>", STYLE, 1)


def _kind(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        return "slide" if cell.source.startswith("#") else "subslide"
    return "subslide" if cell.get("outputs") else "skip"


def pdf(path: Path, browser: str) -> bytes:
    """A notebook, as committed, printed: code, formulas and alt texts included.

    Raises:
        BrowserError: the browser does not print.
    """
    links = {other.name: f"{other.stem}.pdf" for other in notebooks()}
    page = render(read_notebook(path), links, path.stem)
    return as_pdf(page.replace("</head>", PAPER, 1), browser)


def write_pack(path: Path, out: Path, browser: str) -> Mapping[str, Path]:
    """Slides and PDF of a notebook; `copy_reveal` comes first."""
    clear_leftovers(out)
    targets = {"slides": out / f"{path.stem}.slides.html", "PDF": out / f"{path.stem}.pdf"}
    write_whole(targets["slides"], slides(path))
    write_whole(targets["PDF"], pdf(path, browser))
    return targets
