"""Where modules are found: never in the folder that somebody happens to work in."""

import os
import sys

# The folder that holds this package.
_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def settle() -> None:
    """Find modules of this process, and of each Python that it starts, without the working directory."""
    sys.path[:] = places()
    os.environ["PYTHONSAFEPATH"] = "1"
    if "PYTHONPATH" in os.environ:
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(os.path.isabs, _variable()))


def places() -> list[str]:
    """Return what of `sys.path` does not depend on the working directory; where this package is comes last if it does.

    With `-m` and in front of a prompt Python looks there first, and it reads an empty or relative entry of
    PYTHONPATH as a place there.
    """
    try:
        here = os.getcwd()
    except OSError:  # it was removed, and nothing can be found in it
        here = ""
    paths = sys.path.copy()
    while paths and paths[0] in {"", here}:
        del paths[0]
    relative = {os.path.normpath(os.path.join(here, entry)) for entry in _variable() if not os.path.isabs(entry)}
    paths = [path for path in paths if os.path.isabs(path) and path not in relative]
    return paths if _HOME in paths else [*paths, _HOME]


def _variable() -> list[str]:
    text = "" if sys.flags.ignore_environment else os.environ.get("PYTHONPATH", "")
    return text.split(os.pathsep) if text else []


def leave_out(*modules: str) -> None:
    """Let imports find these modules absent in this process: what others load for data frames takes long."""
    sys.meta_path.insert(0, _Absent(modules))


def let_in(module: str) -> None:
    """Let imports find a module that was left out; who asked for it before goes on without."""
    for finder in sys.meta_path:
        if isinstance(finder, _Absent):
            finder.modules = tuple(name for name in finder.modules if name != module)


class _Absent:
    """A finder that says of some modules that they are absent; None in `sys.modules` means nothing to Cython."""

    def __init__(self, modules: tuple[str, ...]) -> None:
        self.modules = modules

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Leave what is asked for to other finders.

        Raises:
            ModuleNotFoundError: it is one of those modules.

        """
        if name in self.modules:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
