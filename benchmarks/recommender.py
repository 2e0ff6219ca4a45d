"""Quality and speed of every model beside other methods: ``protocol/__main__.py`` says what and how.

python benchmarks/recommender.py --data FOLDER [--out FOLDER] [--epsilons 1 5 inf] [--seeds 5] [--methods ours peers]
"""

import importlib
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    # The checkout comes first: others ship a package called benchmarks too.
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-P", "-m", "benchmarks.protocol", *sys.argv[1:]]
    sys.exit(subprocess.call(command, env={**os.environ, "PYTHONPATH": paths}))  # noqa: S603 - our own program
else:
    # A program in this folder asked for the package of this name, and Python looks in the folder first: an import may
    # put another module in its own place.
    sys.path.remove(str(Path(__file__).parent))
    del sys.modules[__name__]
    importlib.import_module(__name__)
