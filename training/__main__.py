"""`python -m training`: see `training.cli.main`."""

import os
import sys

from training.cli.main import main
from training.runs.distributed import is_joining
from training.threads import share_cores

if __name__ == "__main__":
    share_cores()
    code = main()
    if is_joining():  # torch may wait for ever when the interpreter frees its groups of processes (see fit/accelerator)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
