"""A fault in a file is an exit code and not an abort, however busy Arrow's threads are when the interpreter ends."""

import subprocess
import sys
from pathlib import Path

ENDING = """
import io, pathlib, sys, time

class Slow(io.FileIO):
    def read(self, size=-1):
        content = super().read(size)
        if self.tell() > 1 << 20:
            time.sleep(1.0)  # the interpreter ends while a thread waits in here
        return content

pathlib.Path.open = lambda self, mode="r", *more, **options: Slow(str(self))

from audits.sources import text_files

names = ["subject", "item", "rank"]
try:
    text_files.BLOCK_BYTES = 1 << 16
    text_files.delimited(pathlib.Path(sys.argv[1]), ",", names, names, lambda *_: None)
except text_files.MalformedSource as error:
    kept = error  # with its traceback, and so with what was open
    sys.exit(4)
"""


def test_a_file_with_a_break_in_quotes_ends_with_its_exit_code(tmp_path: Path) -> None:
    rows = "".join(f"s{each},item number {each},1\n" for each in range(100_000))
    (tmp_path / "lists.csv").write_text(f'subject,item,rank\n"a\n",b,1\n{rows}')
    command = [sys.executable, "-c", ENDING, str(tmp_path / "lists.csv")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stderr) == (4, "")
