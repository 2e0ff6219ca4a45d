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
    last = traceback.extract_tb(cause.__traceback__)[-1]
    return f"in {Path(last.filename).name}, line {last.lineno}"
