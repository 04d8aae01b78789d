"""A notebook as a page that asks for nothing: no network, no script, no file beside it but the pages it links to."""

import base64
import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

VIEW, STATE = (f"application/vnd.jupyter.widget-{part}+json" for part in ("view", "state"))
HELD = "WidgetModel"  # what a picture or a sentence shows, see `widgets.held`
PNG = b"\x89PNG"
STILL = "A widget, as it stood at the end. It moves in JupyterLab."
# nbconvert's own, less what it fetches: MathJax, require.js, Mermaid, the scripts of widgets.
TEMPLATE = "{% extends 'lab/index.html.j2' %}" + "".join(
    f"{{% block {name} %}}{{% endblock %}}"
    for name in ("html_head_js", "jupyter_widgets", "html_head_js_mathjax", "html_head_js_mermaidjs")
)


def render(notebook: NotebookNode, links: Mapping[str, str], title: str) -> str:
    """The page of a notebook, as text. The notebook is changed on the way.

    Args:
        notebook: executed or not.
        links: name of another notebook or page, as "05_brown_well.ipynb" -> where a link to it should go.
        title: of the page.
    """
    prepare(notebook, title)
    page = Offline(raw_template=TEMPLATE).from_notebook_node(notebook)[0]
    return re.sub(r'href="([\w.]+)"', lambda link: f'href="{escape(links.get(link[1], link[1]))}"', page)


def prepare(notebook: NotebookNode, title: str) -> None:
    """Nothing in it needs a script any more."""
    _formulas_of_outputs(notebook)
    _alt_texts(notebook)
    _stills(notebook)
    notebook.metadata["title"] = title


def render_text(path: Path, links: Mapping[str, str]) -> str:
    """As `render`, of a page written in Markdown."""
    return render(
        new_notebook(cells=[new_markdown_cell(path.read_text(encoding="utf-8"))]),
        links,
        path.stem.capitalize(),
    )


# ---- formulas ------------------------------------------------------------------------------------


def mathml(tex: str, display: str = "inline") -> str:
    """A formula as browsers draw it by themselves; what is no formula stays as it was written."""
    try:
        return convert(tex, display=display)
    except Exception:  # a student's may break the converter in many ways
        return f"<code>{escape(tex)}</code>"


class _Renderer(IPythonRenderer):
    def block_math(self, body: str) -> str:
        return mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def latex_environment(self, name: str, body: str) -> str:
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


class Offline(HTMLExporter):
    """One whose formulas are MathML."""

    @pass_context
    def markdown2html(self, context, source: str) -> str:
        attachments = context.get("cell", {}).get("attachments", {})
        return MarkdownWithMath(renderer=_Renderer(escape=False, attachments=attachments)).render(source)


def _formulas_of_outputs(notebook: NotebookNode) -> None:
    for data in _data(notebook):
        if "text/latex" in data and "text/html" not in data:
            data["text/html"] = mathml(data.pop("text/latex").strip("$ \n"), "block")


# ---- pictures ------------------------------------------------------------------------------------


def _alt_texts(notebook: NotebookNode) -> None:
    """nbconvert leaves out the alt text that stands beside a picture, and says that there is none."""
    for output in _outputs(notebook):
        for kind in {"image/png", "image/jpeg"} & set(output.data):
            if alt := output.get("metadata", {}).get(kind, {}).get("alt"):
                source = f"data:{kind};base64,{output.data[kind].strip()}"
                output.data.setdefault("text/html", f'<img alt="{escape(alt)}" src="{source}">')


# ---- widgets -------------------------------------------------------------------------------------


def _stills(notebook: NotebookNode) -> None:
    """In place of every widget what it showed: it would need scripts from elsewhere, and most need a kernel."""
    models = notebook.metadata.pop("widgets", {}).get(STATE, {}).get("state", {})
    for data in _data(notebook):
        if VIEW in data:
            shown = _still(data.pop(VIEW)["model_id"], models)
            data["text/html"] = f'<figure style="margin: 0">{shown}<figcaption>{STILL}</figcaption></figure>'


def _still(name: str, models: Mapping[str, Any]) -> str:
    """The sentences, numbers and pictures of a widget, and of those in it."""
    model = models.get(name, {})
    state, kind = model.get("state", {}), model.get("model_name", "")
    parts = []
    if kind in ("HTMLModel", HELD) and isinstance(state.get("value"), str):
        parts.append(f"<div>{state['value']}</div>")
    elif isinstance(state.get("value"), (int, float)) and state.get("description"):
        parts.append(f"<div>{escape(state['description'])} {state['value']}</div>")
    for buffer in model.get("buffers", []):
        if base64.b64decode(buffer["data"][:8]).startswith(PNG):
            alt = escape(
                state.get("description") or (buffer["path"][-1] if len(buffer["path"]) > 1 else STILL)
            )
            parts.append(f'<img alt="{alt}" src="data:image/png;base64,{buffer["data"]}">')
    inside = [*state.get("children", []), *([state["held"]] if "held" in state else [])]
    return "".join([*parts, *(_still(name.removeprefix("IPY_MODEL_"), models) for name in inside)])


def _data(notebook: NotebookNode) -> list[dict[str, Any]]:
    return [output.data for output in _outputs(notebook)]


def _outputs(notebook: NotebookNode) -> list[NotebookNode]:
    """Those that show something, not what is printed."""
    return [output for cell in notebook.cells for output in cell.get("outputs", []) if "data" in output]
