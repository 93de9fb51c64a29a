"""Fuzz: every endpoint of a served page with values from its own schema and off it, seeded.

`python -m tests.chaos.fuzz --calls 20000 [--seed 0] [--clients 4] [--out answers.jsonl]` serves the page in a process of
its own. An answer is unexpected if it is neither a result nor a sentence, or takes longer than the bound.
"""

from __future__ import annotations

import argparse
import collections
import json
import queue
import random
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image

from tests.chaos.visitor import FILE, Answer, Visitor
from tests.loopback import running_hub
from tests.page import ENDED, TINY, app_process, free_port
from tests.running import wait_for

BOUND_SECONDS = 30.0
KEY = "sk-fuzz-0123456789abcdef"  # must never be in a log
NO_RUN = "bert_finetune-0000000000000000"
NO_SENTENCE = re.compile(
    r"went wrong|Traceback|HTTP 5|CLIENT|NoneType|object at 0x|site-packages|"
    r"\b(Type|Value|Key|Index|Attribute|Runtime|Unicode\w*|Recursion|OS|FileNotFound|Memory|Assertion|Overflow|Zero\w+)Error"
)
LIMITS = {  # of the server: what is accepted stays small
    "SELFSUP_MAX_PROCESSES": "1", "SELFSUP_MAX_STEPS": "2", "SELFSUP_MAX_SECONDS": "20", "SELFSUP_MAX_BATCH_SIZE": "16",
    "SELFSUP_MAX_TOKENS": "64", "SELFSUP_MAX_PARAMETERS": "5", "SELFSUP_MAX_MEMORY_MB": "4000",
}  # fmt: skip


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": [value]}
    return value


HOSTILE: list[Any] = [
    None, True, False, -1, 0, 7, 10**30, 2**63, -(2**63), 1e308, -0.5, float("nan"), float("inf"), "", " \t\n", "7", "nan",
    "\x00\x1b[31m\x07", "\ud800", "a\udfffb", "x" * 20_000, "/etc/passwd", "../../../etc/passwd", "file:///etc/passwd",
    "http://127.0.0.1:9/x", "--help", "--public", "-", "{0.__class__}{{}}", "{text", "%s%n", "<script>alert(1)</script>",
    "💥" * 200, "\u202eabc", "e\u0301" * 50, "\ufeff", "ﷺ" * 30, [], {}, [[]], [None, [], {}], list(range(2000)), _nested(60),
    [1, "a", None], {"": ""}, {"\x00": "\ud800"}, {"a": float("nan")}, [{"a": 10**400}], [float("nan")], ["\ud800"], [""],
    {"path": "/etc/passwd", "meta": FILE}, {"path": "/etc/passwd"}, {"path": None, "meta": FILE}, {"path": ["a"], "meta": FILE},
    {"path": "x" * 9000, "meta": FILE}, {"path": "a\x00b", "meta": FILE}, {"path": "/proc/self/environ", "url": "file:///etc/passwd", "meta": FILE},
    {"path": "", "meta": FILE}, {"meta": FILE}, {"path": "x", "url": 7, "meta": {"_type": 7}}, [{"path": "/etc/passwd", "meta": FILE}],
    {"path": None, "url": "http://127.0.0.1:9/x.csv", "meta": FILE},
    "hosted:", "hosted:x", "hosted:x@", "hosted:x@http://[::1", "hosted:x@http://127.0.0.1:9/v1", "hosted:x@http://a:b@c:99999/v1",
    "owner/repo", "owner/repo@", "owner/repo@refs/../../x", "owner/" + "r" * 300, "/", "a/b/c", "@", ".", "..", "a//b",
    NO_RUN, "bert_finetune-" + "0" * 5000, "bert_finetune-000000000000000g", "natural", "fashion",
]  # fmt: skip


def _table(columns: str, *rows: str) -> bytes:
    return "\n".join([columns, *rows * 4]).encode() + b"\n"


def _png(size: int = 24) -> bytes:
    buffer = BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (size, size), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {
    "texts.csv": _table("text,question,context,first,second,label", "a [MASK] film,who?,Bob ran,a b,c d,pos", "b,c,d,e,f,neg"),
    "reviews.tsv": _table("text\tlabel", *[f"a {w} film {i}\t{w}" for i in range(12) for w in ("good", "bad")]),
    "pairs.tsv": _table("source\ttarget", "a b\tc d", "e f\tg h"),
    "people.csv": _table("age,sex,income", "40,F,10", "50,M,20", ",,"),
    "grey.png": _png(),
    "empty.csv": b"",
    "zero.png": b"\x89PNG\r\n\x1a\n" + b"\x00" * 40,
    "nul.csv": b"text,label\n\x00\x00,\xff\xfe\n",
    "list.json": b"[[[[1]]], null, {\"text\": 7}]",
    "rows.jsonl": b'{"text": "a", "label": 1}\n{"text": null}\n{"text": ["b"]}\n{"other": {}}\n',
    "table.csv.gz": b"\x1f\x8b\x08\x00" + b"\x00" * 30,
    "table.parquet": b"PAR1" + b"\x00" * 30 + b"PAR1",
    "wide.csv": (",".join(f"c{i}" for i in range(300)) + "\n").encode(),
    "no ending": b"text\nhello\n",
    "résumé 💥.csv": _table("text,label", "ä,ü"),
}  # fmt: skip

BASE: dict[str, Any] = {
    "run": NO_RUN, "repo": "alice/fuzz", "weights": "", "text": "a good [MASK] film", "text_pair": "", "first": "He ran.",
    "second": "She saw.", "question": "who?", "context": "Bob ran away.", "top": 2, "beams": 1, "alternatives": 1,
    "prompt": "boot", "new_tokens": 2, "messages": [{"role": "user", "content": "hi"}], "labels": ["a", "b"], "examples": [],
    "template": "Text: {text}\nLabel: {label}", "calibrate": "none", "rows": [{"age": 1}], "row": {"age": 1}, "column": "age",
    "strength": 0.5, "self_ensemble": False, "noise": "gaussian", "level": 5.0, "negative_prompt": "", "guidance_scale": 1.0,
    "steps": 2, "sampler": "ddim", "seed": 0, "n_images": 1, "timesteps": [1.0], "scales": [1.0], "plugin": "bert_finetune",
    "content": {"schema": "selfsup-prompt/1"}, "trainer": "classify", "settings": {"steps": 1}, "eval_data": None,
    "more_files": None, "key": KEY, "offset": 0, "private": True, "pull_request": False, "tag": "", "wait": 0.0, "query": "x",
    "author": "", "task": "", "job": "x", "tail": 2, "flavour": "cpu-basic", "seconds": 600, "top_k": 0, "top_p": 1.0,
    "min_p": 0.0, "repetition_penalty": 1.0, "stop": [], "shown": 1, "temperature": 0.5, "instruction": "", "label_column": "",
    "shots": 0, "selection": "balanced", "threshold": "",
}  # fmt: skip
TABLES = {  # endpoint -> its table; others get texts.csv
    "bert_finetune_translate_file": "pairs.tsv", "gpt_prompting_evaluate": "reviews.tsv", "ae_anomaly_score_file": "people.csv",
    "ae_anomaly_encode_file": "people.csv", "denoising_ae_denoise_table": "people.csv",
}  # fmt: skip
OWN_BASE: dict[str, dict[str, Any]] = {
    "gpt_prompting_evaluate": {"rows": 2},
    "gpt_prompting_generate": {"prompt": "Once"},
}
SAMPLE_SHARE = 0.02  # of the calls of /train that may be accepted: each starts a run


@dataclass(frozen=True)
class Call:
    endpoint: str
    body: str
    changed: str  # what is odd about it, for the report


@dataclass
class Report:
    """What came of the calls."""

    calls: int = 0
    accepted: int = 0
    unexpected: dict[tuple[str, str, str], list[str]] = field(default_factory=lambda: collections.defaultdict(list))
    slowest: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, call: Call, answer: Answer) -> str:
        why = fault_of(answer)
        with self.lock:
            self.calls += 1
            self.accepted += answer.ok
            self.slowest = max(self.slowest, answer.seconds)
            if why:
                kind = re.sub(r"[0-9a-f]{8}\b|\d+", "N", why)[:160]
                self.unexpected[call.endpoint, call.changed.partition(" = ")[0], kind].append(call.changed[:120])
        return why

    @property
    def odd(self) -> int:
        return sum(map(len, self.unexpected.values()))

    def lines(self) -> Iterator[str]:
        for (endpoint, name, why), changed in sorted(self.unexpected.items()):
            yield f"/{endpoint} {name}: {why!r} <- {len(changed)} {changed[:3]}"
        yield (
            f"{self.calls} calls, {self.accepted} accepted, {self.calls - self.accepted} refused, {self.odd} unexpected "
            f"in {len(self.unexpected)} kinds, slowest {self.slowest:.1f} s"
        )


def fault_of(answer: Answer) -> str:
    """What is wrong with an answer; empty if it is a result or a sentence for a user, in time."""
    if answer.seconds > BOUND_SECONDS:
        return f"slow: {answer.seconds:.0f} s, {str(answer.error)[:80]}"
    if answer.ok:
        return "a file was read" if re.search(r"root:.?:0:0", json.dumps(answer.value)[:100_000]) else ""
    if not isinstance(answer.error, str) or NO_SENTENCE.search(answer.error) or len(answer.error.split()) < 3:
        return str(answer.error)[:200]
    return f"more than a sentence or two: {answer.error[:100]}" if len(answer.error) > 1500 else ""


class Fuzzer:
    """Makes calls of the endpoints that a page describes.

    Args:
        info: The named endpoints, as /info gives them.
        schemas: Plugin -> trainer -> JSON schema of its settings, as /plugins gives them.
        uploads: Name of a file -> what stands for it in a call.
        run: The id of a run that has ended.
    """

    def __init__(
        self,
        info: dict[str, Any],
        schemas: dict[str, dict[str, Any]],
        uploads: dict[str, Any],
        run: str = NO_RUN,
        seed: int = 0,
    ):
        self.parameters = {
            name[1:]: [parameter["parameter_name"] for parameter in about["parameters"]] for name, about in info.items()
        }
        self.schemas, self.uploads, self.random = schemas, uploads, random.Random(seed)
        self.run, self.hostile = run, [*HOSTILE, run]

    def calls(self, count: int) -> Iterator[Call]:
        """As many calls, the endpoints in turn."""
        for number in range(count):
            yield self.call(list(self.parameters)[number % len(self.parameters)])

    def call(self, endpoint: str) -> Call:
        """A call with one value changed, at times two, all, or the number of values, or the body."""
        names, draw = self.parameters[endpoint], self.random
        values = {name: self._base(endpoint, name) for name in names}
        fate = draw.random()
        if fate < 0.03:
            body = draw.choice(
                ["", "{}", "[]", "null", "{", '{"data": null}', '{"data": {}}', '{"data": "x"}', '"\\ud800"']
            )
            return Call(endpoint, body, f"body = {body}")
        if fate < 0.08:
            wrong = (
                [*values.values()][: draw.randint(0, len(values))]
                if draw.random() < 0.5
                else [*values.values(), 1, None]
            )
            return Call(endpoint, json.dumps({"data": wrong}), f"number of values = {len(wrong)}")
        many = len(names) if fate < 0.13 else 2 if fate < 0.3 else 1
        changed = draw.sample(names, min(many, len(names)))
        for name in changed:
            values[name] = self._value(endpoint, name, values)
        if endpoint == "train" and draw.random() > SAMPLE_SHARE and "plugin" not in changed:
            values["settings"] = _refused(values["settings"])
        text = "; ".join(f"{name} = {values[name]!r:.60}" for name in changed)
        return Call(endpoint, json.dumps({"data": list(values.values())}), text or "none = as it should be")

    def _base(self, endpoint: str, name: str) -> Any:
        if name in ("data", "file"):
            return self.uploads["reviews.tsv" if name == "data" else TABLES.get(endpoint, "texts.csv")]
        if name == "image":
            return self.uploads["grey.png"]
        if name == "run" and endpoint not in ("run_delete", "jobs_start"):
            return self.run
        return OWN_BASE.get(endpoint, {}).get(name, BASE.get(name))

    def _value(self, endpoint: str, name: str, values: dict[str, Any]) -> Any:
        draw = self.random
        if name == "settings" and draw.random() < 0.7:
            return self._settings(values)
        if name in ("file", "image", "data", "eval_data") and draw.random() < 0.5:
            return draw.choice(list(self.uploads.values()))
        if name == "more_files" and draw.random() < 0.5:
            return {
                draw.choice(["data", "eval_data", "target_data", "x", ""]): draw.choice(
                    [*self.uploads.values(), *HOSTILE]
                )
            }
        if isinstance(values[name], list) and draw.random() < 0.4:
            return [draw.choice(HOSTILE) for _ in range(draw.randint(1, 3))]
        if name in ("row", "rows", "examples", "messages", "content") and draw.random() < 0.5:
            keys = [
                "age",
                "text",
                "label",
                "role",
                "content",
                "schema",
                "sex",
                "template",
                "labels",
                "examples",
                "\x00",
            ]
            record = {draw.choice(keys): draw.choice(HOSTILE) for _ in range(draw.randint(1, 3))}
            return record if name in ("row", "content") else [record]
        return draw.choice(HOSTILE if endpoint == "run_delete" else self.hostile)

    def _settings(self, values: dict[str, Any]) -> dict[str, Any]:
        """One to three settings of a trainer with odd values, those of its schema and others."""
        draw = self.random
        values["plugin"] = plugin = draw.choice(list(self.schemas))
        values["trainer"] = trainer = draw.choice(list(self.schemas[plugin]))
        names = [
            name for name in self.schemas[plugin][trainer]["properties"] if name != "processes"
        ]  # never more than one
        odd = {draw.choice(names): draw.choice(HOSTILE) for _ in range(draw.randint(1, 3))}
        return {"steps": 1, **odd}


def _refused(settings: Any) -> Any:
    """Settings that are refused at the end of all checks, so that no run starts: one more step than the server allows."""
    return {**settings, "steps": 3} if isinstance(settings, dict) and settings.get("steps") == 1 else settings


@contextmanager
def served_page(home: Path) -> Iterator[str]:
    """The address of a page with the five plugins and a loopback Hub, in a process of its own; its log is
    `home/server.log`."""
    port = free_port()
    with running_hub() as hub, app_process(home, port, HF_ENDPOINT=hub, HF_TOKEN="hf_alice_write", **LIMITS):
        yield f"http://127.0.0.1:{port}"


def fuzz(url: str, calls: int, seed: int = 0, clients: int = 4, out: Path | None = None) -> Report:
    """Send the calls from some visitors at once."""
    visitor = Visitor(url)
    uploads = {name: visitor.upload(name, content) for name, content in FILES.items()}
    info = httpx.get(f"{url}/gradio_api/info", timeout=60).json()["named_endpoints"]
    schemas = {
        plugin["name"]: {trainer["name"]: trainer["settings"] for trainer in plugin["trainers"]}
        for plugin in visitor.result("plugins")
    }
    run = finished_run(visitor, uploads["reviews.tsv"])
    report, lines, visitors = Report(), [], queue.SimpleQueue()
    for _ in range(clients):
        visitors.put(Visitor(url))

    def send(call: Call) -> None:
        sender = visitors.get()
        answer = sender.post(call.endpoint, call.body)
        visitors.put(sender)
        why = report.add(call, answer)
        lines.append(json.dumps([call.endpoint, call.changed, answer.ok, answer.error, round(answer.seconds, 2), why]))

    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(send, Fuzzer(info, schemas, uploads, run, seed).calls(calls)))
    for each in (visitor, *(visitors.get() for _ in range(clients))):
        each.http.close()
    if out:
        out.write_text("\n".join(lines))
    return report


def finished_run(visitor: Visitor, reviews: dict[str, Any]) -> str:
    """The id of a run of two steps that has ended."""
    run = visitor.result("train", "bert_finetune", "classify", {**TINY, "steps": 2}, reviews)["id"]
    wait_for(lambda: visitor.result("run_status", run)["status"] in ENDED)
    return run


def faults_of_log(home: Path) -> list[str]:
    """Lines of the server's log, and of its runs', that must not be there: of a traceback, or with the key."""
    logs = [home / "server.log", *home.glob("runs/*/log.txt"), *home.glob("runs/*/events.jsonl")]
    lines = [line for log in logs for line in log.read_text(errors="replace").splitlines()]
    return [line[:200] for line in lines if KEY in line] + [
        line[:200] for line in (home / "server.log").read_text(errors="replace").splitlines() if "Traceback" in line
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        home = Path(name)
        with served_page(home) as url:
            report = fuzz(url, options.calls, options.seed, options.clients, options.out)
            alive = httpx.get(f"{url}/gradio_api/info", timeout=60).status_code == 200
        in_log = faults_of_log(home)
        if options.out:
            options.out.with_suffix(".log").write_text((home / "server.log").read_text(errors="replace"))
    print(
        "\n".join([*report.lines(), f"server alive: {alive}; lines of the log that must not be there: {len(in_log)}"])
    )
    print("\n".join(in_log[:10]))
    return int(bool(report.odd or in_log or not alive))


if __name__ == "__main__":
    sys.exit(main())
