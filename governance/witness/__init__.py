"""A small witness (C2SP tlog-witness): cosigns the checkpoints of known logs as long as each begins with the last.

It needs no home and no database, only a folder of its own, and belongs on a machine that the log's operator does not
run.

What is trusted: the folder. Whoever can write it, or puts an older copy in its place, can make the witness cosign a
second history; so it is never restored from a backup. A witness that lost its folder starts anew under a new key.
"""
