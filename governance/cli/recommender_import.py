"""Somebody's recommender as a function in a Python module, imported only because they asked for it."""

import importlib
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from audits.errors import InvalidTable
from audits.feedback import Recommend
from governance.errors import InvalidInput

_LIBRARIES = frozenset({"site-packages", "dist-packages", "importlib"})


def imported_recommender(name: str) -> Recommend:
    """The function at ``package.module:function``, looked for in the folder one stands in first.

    What it is given is a copy, so that it can change no history. Importing runs the module: whoever names one trusts
    it as much as the shell that runs this command.

    Raises:
        InvalidInput: no such name, a module that cannot be imported, or something that cannot be called.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        msg = f"--recommender: expected package.module:function, got {name!r}"
        raise InvalidInput(msg)
    function = _found(name, _imported(name, module), attribute)

    def recommend(history: Any, rng: Any) -> Any:  # noqa: ANN401 - what comes back is checked by whoever runs the loop
        try:
            return function(history.copy(), rng)
        except Exception as cause:
            # Its own words may quote a history.
            msg = f"--recommender {name}: expected lists, got {type(cause).__name__} {_raised_in(cause)}"
            raise InvalidTable(msg) from cause

    return recommend


def _imported(name: str, module: str) -> object:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(module)
    except (ImportError, SyntaxError) as cause:
        msg = f"--recommender {name}: expected a module that can be imported, got {type(cause).__name__}: {cause}"
        raise InvalidInput(msg) from cause
    except Exception as cause:
        raised = f"{type(cause).__name__} {_raised_in(cause)}"
        msg = f"--recommender {name}: expected a module that can be imported, got {raised}"
        raise InvalidInput(msg) from cause


def _found(name: str, module: object, attribute: str) -> Callable[[Any, Any], Any]:
    found: object = module
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        msg = f"--recommender {name}: expected a function {attribute} in the module, got none of that name"
        raise InvalidInput(msg)
    if not callable(found):
        msg = f"--recommender {name}: expected a function, got the type {type(found).__name__}"
        raise InvalidInput(msg)
    return found


def _raised_in(cause: Exception) -> str:
    """Where in code of theirs: what it called further down, in a library, would not help them."""
    frames = traceback.extract_tb(cause.__traceback__)
    theirs = [each for each in frames if each.filename != __file__ and not _LIBRARIES & set(Path(each.filename).parts)]
    if not theirs:
        return "where it was called with histories and a generator" if len(frames) == 1 else "in a library"
    return f"in {Path(theirs[-1].filename).name}, line {theirs[-1].lineno}"
