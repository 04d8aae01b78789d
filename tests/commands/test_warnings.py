"""Nothing that colorlab imports raises a warning, also with `python -W error`."""

import subprocess
import sys

from test_directions import MODULES


def test_every_module_is_imported_without_a_warning():
    modules = ", ".join(sorted(name for name in MODULES if not name.endswith("__main__")))
    subprocess.run([sys.executable, "-W", "error", "-c", f"import {modules}"], check=True)
