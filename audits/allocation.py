"""Memory that is freed and wanted again at once: the C library's part of how long an audit takes."""

import ctypes

# Parameters of mallopt(3), by their numbers in malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Have this process keep what it frees, for the next arrays; whether the C library could be told so.

    An audit goes through hundreds of arrays of the length of all lists. The GNU C library gives each back to the
    system, which clears the pages of the next one anew: of a million lists of 20, a tenth of the audit's time
    (``benchmarks/audit_speed.py``). For programs that audit and end; a server would not give memory back. Call it
    before any thread begins.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False  # another C library
    wanted = ((_ARENA_MAX, 1), (_MMAP_MAX, 0), (_TRIM_THRESHOLD, _LARGEST))
    told = [mallopt(parameter, value) for parameter, value in wanted]
    return all(answer == 1 for answer in told)
