"""`python -m training`: see `training.cli.main`."""

import sys

from training.cli.main import main
from training.threads import share_cores

if __name__ == "__main__":
    share_cores()
    sys.exit(main())
