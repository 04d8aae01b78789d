"""What commands share."""

import gc
import weakref

import pytest

from colorlab.commands.console import imports


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
