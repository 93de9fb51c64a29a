"""Who may do what: the operator's settings, and a Space where strangers share one server."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import itsdangerous
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from plugins._discovery import discover
from spaces_app.services import Services, models
from spaces_app.services.run_request import RunRequest, validate
from spaces_app.settings import Settings
from tests import page
from tests.page import TINY, app_process, ended, endpoints, free_port
from training.errors import UserError
from training.runs.registry import Runs

reviews = page.reviews  # fixtures

# What Hugging Face sets for a Space with `hf_oauth: true`; nothing answers on port 9.
SNAPSHOT = Path(__file__).parents[1] / "api_snapshot.json"
SECRET = "the-secret-of-the-oauth-app"
SPACE = {
    "SYSTEM": "spaces", "SPACE_ID": "me/studio", "OAUTH_CLIENT_ID": "studio", "OAUTH_CLIENT_SECRET": SECRET,
    "OAUTH_SCOPES": "openid profile", "OPENID_PROVIDER_URL": "http://127.0.0.1:9", "GRADIO_ANALYTICS_ENABLED": "False",
    "SELFSUP_MAX_STEPS": "20000", "SELFSUP_MAX_SECONDS": "60", "SELFSUP_RUNS_AT_ONCE": "2",
    "HF_TOKEN": "hf_of_the_space",
}  # fmt: skip


# -- the environment ---------------------------------------------------------------------------------------------------


def test_without_variables_everybody_may_train_without_limits():
    assert Settings.from_environment() == Settings()


def test_every_variable_is_read(monkeypatch: pytest.MonkeyPatch):
    given = {
        "SELFSUP_TRAINING": "signed-in", "SYSTEM": "spaces", "SELFSUP_MCP": "1", "SELFSUP_RUNS_AT_ONCE": "3",
        "SELFSUP_MAX_STEPS": "500", "SELFSUP_MAX_SECONDS": "60", "SELFSUP_MAX_UPLOAD_MB": "7",
    }  # fmt: skip
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert Settings.from_environment() == Settings(
        training="signed-in", mcp=True, runs_at_once=3, max_steps=500, max_seconds=60, max_upload_mb=7
    )
    assert Settings.from_environment().on_space


def test_public_demo_has_limits_unless_its_owner_sets_others(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SYSTEM", "spaces")
    found = Settings.from_environment()
    assert (found.max_steps, found.max_seconds) == (2000, 900)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SELFSUP_TRAINING", "nobody", "anyone, signed-in, off"),
        ("SELFSUP_RUNS_AT_ONCE", "0", "from 1 up"),
        ("SELFSUP_RUNS_AT_ONCE", "two", "from 1 up"),
        ("SELFSUP_MAX_STEPS", "-1", "from 0 up"),
        ("SELFSUP_MAX_STEPS", "inf", "from 0 up"),
        ("SELFSUP_MAX_SECONDS", "nan", "from 0 up"),
        ("SELFSUP_MAX_UPLOAD_MB", "0", "from 1 up"),
    ],
)
def test_value_that_a_variable_cannot_have_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
):
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"{name} is '{re.escape(value)}'.*{expected}"):
        Settings.from_environment()


# -- limits of a server ----------------------------------------------------------------------------------------------


def server(**settings: Any) -> Services:
    return Services(Settings(**settings), discover("builtin"))


def asked(data: Path, **settings: Any) -> RunRequest:
    return RunRequest("bert_finetune", "classify", settings, {"data": data})


def train(services: Services, data: Path, visitor: str, **settings: Any) -> dict[str, Any]:
    return services.runs.train(asked(data, **{**TINY, **settings}), visitor)


@pytest.mark.parametrize("who", ["", "guest:abc", "alice"])
def test_nobody_trains_where_training_is_off(home: Path, reviews: Path, who: str):
    with pytest.raises(UserError, match="Training is switched off"):
        train(server(training="off"), reviews, who)


def test_nobody_checks_data_where_training_is_off(home: Path, reviews: Path):
    with pytest.raises(UserError, match="Training is switched off"):
        server(training="off").checks.check(asked(reviews, **TINY), "alice")


@pytest.mark.parametrize("who", ["", "guest:abc"])
def test_guest_is_asked_to_sign_in_where_that_is_needed(home: Path, reviews: Path, who: str):
    with pytest.raises(UserError, match="Sign in with your Hugging Face account"):
        train(server(training="signed-in"), reviews, who)


def test_more_steps_than_allowed_are_refused(home: Path, reviews: Path):
    with pytest.raises(UserError, match="steps: 11 were asked for; this server allows 10"):
        train(server(max_steps=10), reviews, "alice", steps=11)


@pytest.mark.parametrize(("wished", "given"), [(0, 60), (30, 30), (600, 60)])
def test_time_limit_of_the_server_holds(home: Path, reviews: Path, wished: float, given: float):
    services = server(max_seconds=60)
    _, _, settings = validate(asked(reviews, time_limit=wished), services.plugins, services.settings)
    assert settings.time_limit == given


# -- a Space: strangers, each with a browser of their own ---------------------------------------------------------------


@pytest.fixture(scope="module")
def hub_server() -> Iterator[tuple[str, list[str]]]:
    """A Hub where nothing is found; its address, and what each request said in Authorization."""
    said: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said.append(self.headers.get("Authorization", ""))
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", said
    server.shutdown()
    server.server_close()


@pytest.fixture
def hub(hub_server: tuple[str, list[str]]) -> list[str]:
    """What the Hub was told in this test."""
    hub_server[1].clear()
    return hub_server[1]


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory, hub_server: tuple[str, list[str]]) -> Iterator[tuple[str, Path]]:
    """`python app.py` as a Space runs it; address and home."""
    home, port = tmp_path_factory.mktemp("space"), free_port()
    with app_process(home, port, **SPACE, SELFSUP_PLUGINS="bert_finetune", HF_ENDPOINT=hub_server[0]):
        yield f"http://127.0.0.1:{port}/", home


def signed_in(name: str, expires_in: float = 3600) -> dict[str, str]:
    """The cookie that Gradio gives a browser whose user has signed in with Hugging Face."""
    user = {"preferred_username": name, "name": name, "sub": name, "profile": "", "picture": ""}
    info = {"access_token": f"hf_{name}", "scope": "openid", "expires_at": time.time() + expires_in, "userinfo": user}
    key = hashlib.sha256(f"{SECRET}-v4".encode()).hexdigest()
    data = base64.b64encode(json.dumps({"oauth_info": info}).encode())
    return {"cookie": f"session={itsdangerous.TimestampSigner(key).sign(data).decode()}"}


@pytest.fixture(scope="module")
def owner(space: tuple[str, Path]) -> Client:
    return Client(space[0], verbose=False)


@pytest.fixture(scope="module")
def stranger(space: tuple[str, Path]) -> Client:
    return Client(space[0], verbose=False)


@pytest.fixture(scope="module")
def run(owner: Client, reviews: Path) -> Iterator[str]:
    """The owner's run; it goes on while the tests look at it."""
    run = start(owner, reviews, steps=20_000)
    yield run
    with contextlib.suppress(AppError):  # its minute is over
        owner.predict(run, api_name="/run_cancel")
    ended(owner, run)


def start(client: Client, data: Path, **settings: Any) -> str:
    files = (handle_file(data), None)
    return client.predict("bert_finetune", "classify", {**TINY, **settings}, *files, api_name="/train")["id"]


def listed(client: Client) -> list[str]:
    return [one["id"] for one in client.predict(api_name="/runs")]


@pytest.mark.parametrize(
    ("endpoint", "more"),
    [("run_status", ()), ("run_events", (0,)), ("run_cancel", ()), ("run_resume", ()), ("run_delete", ()),
     ("run_push", ("stranger/weights", True))],
)  # fmt: skip
def test_stranger_cannot_tell_anothers_run_from_none(stranger: Client, run: str, endpoint: str, more: tuple):
    with pytest.raises(AppError, match=f"^There is no run {run}.$"):
        stranger.predict(run, *more, api_name=f"/{endpoint}")


def test_each_sees_only_their_own_runs(owner: Client, stranger: Client, run: str):
    assert run in listed(owner)
    assert listed(stranger) == []


def test_owner_sees_the_status_of_their_run(owner: Client, run: str):
    assert owner.predict(run, api_name="/run_status")["status"] in ("queued", "running")


def test_callers_without_a_session_share_nothing(space: tuple[str, Path], run: str, reviews: Path):
    """A plain POST names no session; two of them must not be taken for one visitor."""
    made = Runs(space[1] / "runs").get(run).folder
    nobody = made.with_name("bert_finetune-" + "0" * 16)
    nobody.mkdir()
    (nobody / "config.yaml").write_text((made / "config.yaml").read_text())
    (nobody / "owner").write_text("")
    answer = httpx.post(f"{space[0]}gradio_api/run/runs", json={"data": []})
    assert answer.json()["data"] == [[]]


def test_signed_in_user_keeps_their_runs_over_browsers(space: tuple[str, Path], reviews: Path):
    first, second = (Client(space[0], verbose=False, headers=signed_in("alice")) for _ in range(2))
    made = start(first, reviews, steps=1)
    assert made in listed(second)
    assert Runs(space[1] / "runs").get(made).owner() == "alice"


def test_cookie_that_has_expired_signs_nobody_in(space: tuple[str, Path], reviews: Path):
    late = Client(space[0], verbose=False, headers=signed_in("alice", expires_in=-1))
    assert listed(late) == []


def test_forged_cookie_signs_nobody_in(space: tuple[str, Path], reviews: Path):
    cookie = signed_in("alice")["cookie"]
    forged = Client(space[0], verbose=False, headers={"cookie": cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB")})
    assert listed(forged) == []


@pytest.fixture(scope="module")
def finished(owner: Client, reviews: Path) -> str:
    run = start(owner, reviews)
    assert ended(owner, run)["status"] == "finished"
    return run


def poll(url: str, run: str, session: str, **more: Any) -> dict[str, Any]:
    """What the monitor on the page asks."""
    monitor = next(
        part for part in httpx.get(f"{url}config").json()["components"] if part["props"].get("elem_id") == "monitor"
    )
    query = {"component_id": monitor["id"], "fn_name": "poll", "session_hash": session, "data": [run, 0]}
    return httpx.post(f"{url}gradio_api/component_server", json=query, **more).json()


def test_who_knows_a_runs_id_still_sees_nothing_of_it(
    space: tuple[str, Path], owner: Client, stranger: Client, finished: str, reviews: Path
):
    refusal = f"There is no run {finished}."
    assert poll(space[0], finished, stranger.session_hash) == {"error": refusal}
    assert poll(space[0], finished, owner.session_hash)["status"]["id"] == finished
    with pytest.raises(AppError, match=refusal):
        stranger.predict(finished, "a text", api_name="/bert_finetune_classify")
    with pytest.raises(AppError, match=refusal):
        start(stranger, reviews, model=finished)
    assert owner.predict(finished, "a text", api_name="/bert_finetune_classify")


def test_what_is_published_does_not_tell_the_runs_id(
    space: tuple[str, Path], owner: Client, finished: str, reviews: Path
):
    child = start(owner, reviews, model=finished)
    assert ended(owner, child)["status"] == "finished"
    for run in (finished, child):
        artifact = space[1] / "runs" / run / "artifact"
        assert not [
            path for path in artifact.iterdir() if path.suffix != ".safetensors" and "finetune-" in path.read_text()
        ]


def test_guest_keeps_their_runs_over_a_reload(space: tuple[str, Path], reviews: Path):
    first = httpx.get(space[0])
    cookie = first.headers["set-cookie"]
    assert "HttpOnly" in cookie and "Secure" in cookie and "Partitioned" in cookie
    browser = {"cookie": cookie.split(";")[0]}
    assert "set-cookie" not in httpx.get(space[0], headers=browser).headers
    before, after = (Client(space[0], verbose=False, headers=browser) for _ in range(2))
    made = start(before, reviews, steps=1)
    assert listed(after) == [made]
    assert poll(space[0], made, "", headers=browser)["status"]["id"] == made
    assert listed(Client(space[0], verbose=False, headers={"cookie": f"selfsup-guest={'0' * 31}"})) == []


def train_by_post(url: str, values: list[Any], headers: dict[str, str]) -> str:
    """As `curl` would: gradio_client sends a file again."""
    event = httpx.post(f"{url}gradio_api/call/train", json={"data": values}, headers=headers).json()["event_id"]
    return httpx.get(f"{url}gradio_api/call/train/{event}", headers=headers, timeout=60).text


def test_what_a_browser_uploads_is_its_visitors_alone(space: tuple[str, Path], reviews: Path):
    cookies = [{"cookie": httpx.get(space[0]).headers["set-cookie"].split(";")[0]} for _ in range(2)]
    private = space[1] / "private.csv"
    private.write_text(reviews.read_text() + "a secret,good\n")
    with private.open("rb") as file:
        [path] = httpx.post(f"{space[0]}gradio_api/upload", files={"files": file}, headers=cookies[0]).json()
    statuses = [httpx.get(f"{space[0]}gradio_api/file={path}", headers=each).status_code for each in (*cookies, {})]
    assert statuses == [200, 403, 403]
    upload = {"path": path, "meta": {"_type": "gradio.FileData"}}
    values = ["bert_finetune", "classify", {**TINY, "steps": 1}, upload, None, None, ""]
    mine, anothers = (train_by_post(space[0], values, each) for each in cookies)
    assert "bert_finetune-" in mine
    assert "that is no uploaded file" in anothers


def test_push_of_a_guest_is_not_made_with_the_spaces_own_token(owner: Client, finished: str, hub: list[str]):
    with pytest.raises(AppError, match="You are not signed in to the Hub"):
        owner.predict(finished, "me/weights", True, api_name="/run_push")
    assert hub == []


@pytest.mark.parametrize(
    ("endpoint", "given"), [("hub_pull", ("me/private",)), ("bert_finetune_classify", ("me/private", "a text"))]
)
def test_visitor_does_not_read_with_the_spaces_own_token(
    owner: Client, hub: list[str], endpoint: str, given: tuple[str, ...]
):
    with pytest.raises(AppError, match="There is no repository me/private"):
        owner.predict(*given, api_name=f"/{endpoint}")
    assert set(hub) == {""}


def test_pull_of_a_visitor_is_made_with_their_token(space: tuple[str, Path], hub: list[str]):
    alice = Client(space[0], verbose=False, headers=signed_in("alice"))
    with pytest.raises(AppError, match="There is no repository me/private"):
        alice.predict("me/private", api_name="/hub_pull")
    assert set(hub) == {"Bearer hf_alice"}


def test_limits_of_the_space_are_told(owner: Client, reviews: Path):
    with pytest.raises(AppError, match="this server allows 20000"):
        start(owner, reviews, steps=20_001)


def test_space_page_offers_to_sign_in_and_adds_no_endpoint(owner: Client):
    assert "Sign in with Hugging Face" in str(owner.config)
    assert set(endpoints(owner)) <= set(json.loads(SNAPSHOT.read_text()))


def test_models_are_imported_in_the_background_only_while_nothing_loads(home: Path, monkeypatch: pytest.MonkeyPatch):
    """transformers imported by two threads at once lacks names in one of them: a prediction failed so."""
    service, locked = server().models, []
    monkeypatch.setattr(models.importlib, "import_module", lambda name: locked.append(models._loading.locked()))
    service._import_predictors()
    assert locked and all(locked) and not models._loading.locked()
