"""Which room may import which: read from the source, imports inside functions too; only TYPE_CHECKING is exempt."""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "colorlab"
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "_share" not in p.parts)
BELOW = {  # room -> rooms it may import from, beside itself; "" is the flat one
    "files": set(),
    "networks": {"lab", "arguments"},
    "": {"files", "networks"},
    "checks": {"", "files", "networks"},
    "widgets": {"", "files", "networks"},
    "course": {"", "files", "networks", "checks"},
    "commands": {"", "files", "networks", "checks", "widgets", "course"},
}
DOORS = ("__init__", "__main__", "cli", "media")  # the front doors hand on what lies behind them


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def room_of(module: str) -> str:
    parts = module.split(".")[1:]
    return parts[0] if parts and parts[0] in BELOW else ""


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, ours by their full names."""
    tree, found = ast.parse(path.read_text(encoding="utf-8")), set()
    exempt = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in exempt:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are written in full"
            for alias in node.names:
                longer = f"{node.module}.{alias.name}"
                found.add(longer if longer in MODULES else node.module)
    return found


@pytest.mark.parametrize("module", [m for m in MODULES if MODULES[m].stem not in DOORS])
def test_arrows_point_downwards(module):
    room = room_of(module)
    for imported in imports_of(MODULES[module]):
        if imported == "colorlab" or imported not in MODULES:
            assert room != "files" or imported.split(".")[0] != "torch", f"{module} imports torch"
            continue
        other = room_of(imported)
        name = other if other else imported.removeprefix("colorlab.")
        assert other == room or other in BELOW[room] or name in BELOW[room], f"{module} imports {imported}"


@pytest.mark.slow
def test_only_the_command_line_imports_commands():
    for module, path in MODULES.items():
        if room_of(module) != "commands" and any(room_of(i) == "commands" for i in imports_of(path)):
            assert module == "colorlab.cli"


@pytest.mark.slow
def test_no_module_imports_itself_through_others():
    arrows = defaultdict(set)
    for module, path in MODULES.items():
        if path.stem not in DOORS:
            arrows[module] = {i for i in imports_of(path) if i in MODULES and MODULES[i].stem not in DOORS}
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_no_file_has_more_than_400_lines():
    long = {p.name: n for p in FILES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long, f"split them: {long}"
