"""``python -m recbole_mmsc script.py …``: run an unchanged RecBole script with MMSC registered."""

import sys
from pathlib import Path

from recbole_mmsc.script import run_script

USAGE = """usage: python -m recbole_mmsc SCRIPT [ARGUMENT ...]

Runs a RecBole script as `python SCRIPT ARGUMENT ...` would, after `import recbole_mmsc`: MMSC,
the datasets of `recbole-mmsc build` and today's libraries then work in it. The commands of
recbole-mmsc itself (build, encode, benchmark, ...) are listed by `recbole-mmsc --help`."""


def main(arguments: list[str]) -> int:
    """Run the script; return 2 if there is none to run."""
    if not arguments:
        print(USAGE, file=sys.stderr)
        return 2
    script = Path(arguments[0])
    if not script.is_file():
        problem = "is a folder" if script.is_dir() else "does not exist"
        print(
            f"recbole_mmsc: the script {script.absolute()} {problem}.\n\n{USAGE}", file=sys.stderr
        )
        return 2
    run_script(script, arguments[1:])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
