"""Runs a script as ``__main__``, here and in the processes it spawns.

A spawned process runs its parent's main module again, under the name ``__mp_main__``. A script
that does not import ``recbole_mmsc`` would miss our registration there; so its ``__spec__`` names
this module, which the child runs instead, and which runs the script.
"""

import os
import runpy
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

SCRIPT = "RECBOLE_MMSC_SCRIPT"  # how a spawned process knows its script


def run_script(script: Path, arguments: list[str]) -> None:
    """Do what ``python script arguments…`` does."""
    sys.argv = [str(script), *arguments]
    sys.path[0] = str(script.resolve().parent)
    main = ModuleType("__main__")
    main.__file__ = str(script)
    main.__spec__ = ModuleSpec("recbole_mmsc.script", None)
    sys.modules["__main__"] = main
    os.environ[SCRIPT] = str(script.resolve())
    exec(compile(script.read_bytes(), str(script), "exec"), vars(main))


if __name__ == "__mp_main__":
    globals().update(runpy.run_path(os.environ[SCRIPT], run_name="__mp_main__"))
