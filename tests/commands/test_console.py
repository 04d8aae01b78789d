"""What commands share."""

import gc
import os
import weakref

import pytest

from colorlab.commands.console import imports, sleep_while_waiting


class Cycle:
    def __init__(self):
        self.itself = self


def test_while_importing_nobody_looks_for_garbage_and_afterwards_as_before():
    with imports():
        assert not gc.isenabled()
        kept = Cycle()
    assert gc.isenabled()
    later = Cycle()
    died = weakref.ref(later)
    del later
    gc.collect()
    assert died() is None
    assert not any(one is kept for one in gc.get_objects())  # set aside with the modules
    gc.unfreeze()


def test_an_import_that_fails_leaves_the_search_for_garbage_on():
    with pytest.raises(ModuleNotFoundError), imports():
        import no_such_module  # noqa: F401
    assert gc.isenabled()
    gc.unfreeze()


@pytest.mark.parametrize(
    ("said", "heard"),
    [({}, "10000"), ({"GOMP_SPINCOUNT": "5"}, "5"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
    ids=["nothing", "how long", "how"],
)
def test_threads_sleep_while_they_wait_unless_somebody_said_how(said, heard, monkeypatch):
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    for name, value in said.items():
        monkeypatch.setenv(name, value)
    sleep_while_waiting()
    found = os.environ.get("GOMP_SPINCOUNT")
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    assert found == heard
