"""Push and pull of an artifact beside the client's bare `upload_folder` and `snapshot_download`, over a Hub on loopback.

    python benchmarks/hub_speed.py --hub path/to/loopback_hub.py --megabytes 500 --rounds 3

Every call is a process of its own with an empty cache, and every upload has contents that the Hub has never seen. Times are of
the call alone, imports excluded. Ours also checks: before the push name and token, after it and after the pull every checksum.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOKEN = "hf_alice_write"  # of the loopback Hub
SAFETENSORS_HEADER = b'{"weight":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}'
CALLS = {
    "push": "from training.hub.push import push",
    "upload_folder": "from huggingface_hub import HfApi",
    "pull": "from training.hub.pull import pull",
    "snapshot_download": "from huggingface_hub import snapshot_download",
}
TIMED = {
    "push": "push(Path(folder), repo, token)",
    "upload_folder": "api = HfApi(token=token); api.create_repo(repo, private=True); api.upload_folder(repo_id=repo, folder_path=folder)",
    "pull": "pull(repo, token)",
    "snapshot_download": "snapshot_download(repo, token=token)",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", required=True, help="The loopback Hub's script.")
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    hub = subprocess.Popen([sys.executable, options.hub], stdout=subprocess.PIPE, text=True)
    assert hub.stdout
    url = json.loads(hub.stdout.readline())["url"]
    ratios: dict[str, list[float]] = {"push": [], "pull": []}
    try:
        for number in range(options.rounds):
            for ours, bare in (("push", "upload_folder"), ("pull", "snapshot_download")):
                order = (ours, bare) if number % 2 else (bare, ours)
                found = {name: measure(name, url, options.megabytes) for name in order}
                ratios[ours].append(found[ours] / found[bare])
                print(
                    f"{ours} {found[ours]:.2f} s, {bare} {found[bare]:.2f} s: {ratios[ours][-1]:.2f}x the time",
                    flush=True,
                )
    finally:
        hub.terminate()
    for name, values in ratios.items():
        print(f"{name} of {options.megabytes} MB: median {statistics.median(values):.2f}x over {options.rounds} rounds")


def measure(name: str, url: str, megabytes: int) -> float:
    """Seconds of one call; a pull is of a repository that was pushed for it."""
    with tempfile.TemporaryDirectory() as home:
        repo, folder = f"alice/{secrets.token_hex(6)}", artifact(Path(home), megabytes)
        if name in ("pull", "snapshot_download"):
            call("upload_folder", url, f"{home}/pusher", repo, folder)
        return call(name, url, f"{home}/hf", repo, folder)


def artifact(home: Path, megabytes: int) -> str:
    folder, size = home / "artifact", megabytes * 2**20
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    header = SAFETENSORS_HEADER % (size, size)
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for _ in range(megabytes):
            file.write(os.urandom(2**20))
    return str(folder)


def call(name: str, url: str, home: str, repo: str, folder: str) -> float:
    code = (
        f"import sys, time; from pathlib import Path; {CALLS[name]}\nfolder, repo, token = sys.argv[1:]\n"
        f"import hf_xet; start = time.perf_counter(); {TIMED[name]}; print(time.perf_counter() - start)"
    )
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": home, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, folder, repo, TOKEN],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return float(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
