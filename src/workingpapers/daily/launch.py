"""Where a run's process begins: it waits for a line on its input, then is `workingpapers run`.

Whoever started it notes its process id first and sends the line then. If they were killed in between, the input ends
and nothing is run: no run works unnoticed.
"""

import runpy
import signal
import sys

if __name__ == "__main__":
    if not sys.stdin.buffer.readline():
        sys.exit(1)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a server in the background may have it ignored
    sys.argv[0] = "workingpapers"
    runpy.run_module("workingpapers", run_name="__main__")
