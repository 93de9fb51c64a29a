"""`python -m tests.hub [--run-jobs]`: print {"url": ...} as one JSON line, and serve until standard input is closed."""

from __future__ import annotations

import argparse
import json
import sys

from tests.hub.server import LoopbackHub

parser = argparse.ArgumentParser(prog="python -m tests.hub", description=__doc__)
parser.add_argument("--run-jobs", action="store_true", help="Run a job's command on this machine; else it is recorded.")
with LoopbackHub(run_jobs=parser.parse_args().run_jobs) as hub:
    print(json.dumps({"url": hub.url}), flush=True)
    sys.stdin.read()  # closed by whoever started this process, also when that is killed
