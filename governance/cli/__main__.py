"""`python -m governance.cli` is `probity`."""

from governance.cli.main import main

main()
