"""Runs a command and prints what it took: CODE SECONDS CPU_SECONDS PEAK_KILOBYTES.

It is run as a script, by an interpreter without any packages. The system counts the memory of
the process that starts a command as the command's own: that process must be a small one.
"""

from __future__ import annotations

import os
import sys
import time

start = time.perf_counter()
# What the command prints goes to the error stream: the output is for the figures.
pid = os.posix_spawn(
    sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, 2, 1)]
)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - start
code = os.waitstatus_to_exitcode(status)
print(code, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
