"""Run Python files as programs, each in a process that begins with torch imported; says which end in an error."""

import os
import runpy
import sys
import traceback

import torch  # noqa: F401  the children need not import it again

failed = False
for path in sys.argv[1:]:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            runpy.run_path(path, run_name="__main__")
            code = 0
        except SystemExit as end:
            code = int(bool(end.code))
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if status:
        print(f"{path} fails", file=sys.stderr)
        failed = True
sys.exit(failed)
