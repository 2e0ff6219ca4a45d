"""Speed and memory of audits, beside fairlearn and LensKit: ``audit_speed.py`` says what and how.

python benchmarks/audits.py [full fairlearn lenskit] [--subjects 1000000] [--compared 50000] [--lenskit PYTHON]
"""

import importlib
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    program = Path(__file__).with_name("audit_speed.py")
    sys.exit(subprocess.call([sys.executable, str(program), *sys.argv[1:]]))  # noqa: S603 - our own program
else:
    # A program in this folder asked for the package of this name, and Python looks in the folder first: an import may
    # put another module in its own place.
    sys.path.remove(str(Path(__file__).parent))
    del sys.modules[__name__]
    importlib.import_module(__name__)
