"""The page lives on whatever a plugin does, and a plugin that draws nothing gets a form."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from plugins import _discovery
from plugins._contract import Kind, Workbench
from plugins._discovery import Found
from spaces_app.identity import Caller
from spaces_app.page import routes
from spaces_app.page.family import nearest_picker
from spaces_app.page.shell import build
from spaces_app.panels.workbench import PluginWorkbench
from spaces_app.services import Services
from spaces_app.settings import Settings
from tests.loud import Speak, Whisper, loud, weights
from tests.page import ROOT, Site, fire, served, upload
from training.errors import UserError
from training.settings import TrainSettings


def bad_tab(workbench: Workbench) -> None:
    gr.Textbox(label="Drawn before it failed")
    raise RuntimeError("this tab cannot be drawn")


def open_tab(workbench: Workbench) -> None:
    """Draw with Gradio's defaults, by which every event is public under its function's name."""

    def train(text: str) -> str:
        return text

    with gr.Tab("Try"):
        box = gr.Textbox()
        box.submit(train, box, box)


def components(page: gr.Blocks, kind: str) -> list[dict[str, Any]]:
    return [each["props"] for each in page.get_config_file()["components"] if each["type"] == kind]


def titles(page: gr.Blocks) -> list[tuple[str, str]]:
    """Address and title of the plugins' pages."""
    return [(path, title) for path, title, _ in page.pages if path not in ("", *routes.OWN)]


def header_of(page: gr.Blocks) -> str:
    """The header of the page that opens first."""
    return next(box["value"] for box in components(page, "html") if "studio-header" in str(box.get("value")))


UNREAD = Found("unread", "plugins.unread", error="ImportError: no module named 'nowhere'", details="Traceback …")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A page with a good plugin between two bad ones."""
    starters = tmp_path_factory.mktemp("starters")
    found = [
        UNREAD,
        loud("good", starters),
        loud("undrawn", starters, tab="tests.spaces_app.test_shell:bad_tab"),
        loud("open", starters, tab="tests.spaces_app.test_shell:open_tab"),
    ]
    with served(tmp_path_factory.mktemp("home"), found=found, trains=False) as site:
        yield site


@pytest.fixture(scope="module")
def page(site: Site) -> gr.Blocks:
    return site.demo


# -- plugins that fail ----------------------------------------------------------------------------------------------


def test_plugin_that_does_not_import_is_a_page_with_the_reason(page: gr.Blocks):
    assert "⚠ unread" in header_of(page)
    assert "ImportError: no module named 'nowhere'" in [box.get("value") for box in components(page, "textbox")]


def test_plugin_that_cannot_be_drawn_is_a_page_with_the_reason(page: gr.Blocks):
    assert "⚠ undrawn" in header_of(page)
    assert "RuntimeError: this tab cannot be drawn" in [box.get("value") for box in components(page, "textbox")]


def test_nothing_of_a_half_drawn_tab_is_left(page: gr.Blocks):
    assert "Drawn before it failed" not in [box.get("label") for box in components(page, "textbox")]


def test_good_plugin_beside_bad_ones_has_all_its_pages(page: gr.Blocks):
    assert titles(page) == [
        ("unread", "unread"),
        ("good", "Good"),
        ("good-fit", "Fit"),
        ("undrawn", "undrawn"),
        ("open", "Open"),
        ("open-fit", "Fit"),
    ]


def test_a_plugin_of_a_pages_name_is_refused(tmp_path: Path, home: Path):
    page = build(Settings(), [loud("runs", tmp_path)])
    assert "Its name is that of a page of the app." in [box.get("value") for box in components(page, "textbox")]


def test_plugin_that_cannot_be_drawn_has_no_endpoints(page: gr.Blocks):
    assert [name for name in page.get_api_info()["named_endpoints"] if "undrawn" in name] == []


def test_invalid_record_is_found_as_broken_with_the_rule_it_breaks(
    installed_broken: Path, home: Path, monkeypatch: pytest.MonkeyPatch
):
    page = build(Settings(), _discovery.discover("bare"))
    assert titles(page) == [("bare", "bare")]
    assert [box["value"] for box in components(page, "textbox") if box.get("value")] == [
        "ValueError: Plugin 'bare' has no kind that can be trained."
    ]


@pytest.fixture
def installed_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package on the path whose entry point makes an invalid record."""
    site = tmp_path / "site"
    (site / "bare-1.0.dist-info").mkdir(parents=True)
    (site / "bare-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: bare\nVersion: 1.0\n")
    (site / "bare-1.0.dist-info" / "entry_points.txt").write_text("[selfsup.plugins]\nbare = bare_plugin:PLUGIN\n")
    code = "from plugins._contract import Plugin\nPLUGIN = Plugin('bare', 'Bare', 'Nothing.', ())\n"
    (site / "bare_plugin.py").write_text(code)
    monkeypatch.syspath_prepend(site)
    _discovery._entry_points.cache_clear()
    yield site
    _discovery._entry_points.cache_clear()


def test_an_open_tab_keeps_no_connection(home: Path):
    """A browser opens six to a server: with one kept for each tab, by a `gr.State` anywhere, the seventh never loads."""
    page = build(Settings(), _discovery.discover("builtin"))
    assert page.get_config_file()["connect_heartbeat"] is False


def test_page_without_any_plugin_says_so(home: Path):
    page = build(Settings(), [])
    assert any("No plugin was found" in text.get("value", "") for text in components(page, "markdown"))


def test_broken_plugin_is_listed_with_its_reason(site: Site):
    listed = {one["name"]: one for one in Client(site.url, verbose=False).predict(api_name="/plugins")}
    assert listed["unread"] == {"name": "unread", "error": "ImportError: no module named 'nowhere'"}
    assert listed["undrawn"] == {"name": "undrawn", "error": "RuntimeError: this tab cannot be drawn"}


# -- what is public -------------------------------------------------------------------------------------------------


def test_every_event_of_the_page_is_private(page: gr.Blocks):
    endpoints = {fn.api_name for fn in page.fns.values() if fn.api_visibility != "private"}
    shell = "open_shout open_count open_secret plugins answering_weights train check runs run_status run_events run_cancel run_resume run_delete run_push push_status push_preview hub_search hub_pull jobs_flavours jobs_start jobs_list jobs_logs jobs_cancel run_edit run_to_front runs_delete runs_compare runs_csv sweep sweeps sweep_status sweep_stop sweep_resume"
    assert endpoints == {*shell.split(), "good_shout", "good_count", "good_secret"}


def test_tab_cannot_take_the_name_of_an_endpoint(site: Site):
    with pytest.raises(AppError, match="There is no plugin 'x'"):
        Client(site.url, verbose=False).predict("x", "y", {}, None, None, api_name="/train")


def test_endpoint_and_tool_have_one_name(page: gr.Blocks):
    public = [fn for fn in page.fns.values() if fn.api_visibility == "public"]
    assert [fn.api_name for fn in public] == [getattr(fn.fn, "__name__", "") for fn in public]


# -- the form of a plugin without a tab ------------------------------------------------------------------------------


def press_run(site: Site, number: int, *values: Any) -> dict[str, Any]:
    """Press the n-th button "Run" of the page."""
    config = Client(site.url, verbose=False).config
    buttons = [each["id"] for each in config["components"] if each["props"].get("value") == "Run"]
    click = next(each["id"] for each in config["dependencies"] if [buttons[number], "click"] in each["targets"])
    return fire(site, click, *values)


def test_page_with_broken_plugins_opens_and_the_good_one_answers(site: Site):
    assert Client(site.url, verbose=False).predict("", "so", 3, api_name="/good_shout") == "SO SO SO"


def test_form_calls_the_endpoint(site: Site):
    assert press_run(site, 0, "here", "so", 2)["output"]["data"] == ["SO SO", ""]


def test_form_gives_a_file_as_a_path_and_lists_as_json(site: Site, tmp_path: Path):
    (tmp_path / "a.txt").write_text("to be or not to be")
    uploaded = upload(site, tmp_path / "a.txt")
    assert press_run(site, 1, "here", uploaded, '["be", "or"]')["output"]["data"] == [{"be": 2, "or": 1}, ""]


def test_form_without_its_file_asks_for_one(site: Site):
    answer = press_run(site, 1, "here", None, "[]")["output"]["data"]
    assert answer == [None, '<p role="alert">File: choose a file first.</p>']


def test_form_with_text_that_is_no_json_says_so(site: Site, tmp_path: Path):
    (tmp_path / "a.txt").write_text("to be")
    answer = press_run(site, 1, "here", upload(site, tmp_path / "a.txt"), "be, or")
    said = "Words: &#x27;be, or&#x27; is not JSON."
    assert answer["output"]["data"] == [None, f'<p role="alert">{said}</p>']


def test_the_page_is_built_without_the_libraries_that_train() -> None:
    built = "import sys, app; print(*{'torch', 'transformers', 'diffusers', 'matplotlib', 'sklearn'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", built], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# -- weights belong to the kind that made them ---------------------------------------------------------------------------


@pytest.fixture
def services(home: Path) -> Services:
    """A plugin of two kinds, each with a starter of its own, and another plugin."""
    louder, other = loud("loud", home), loud("other", home)
    assert louder.plugin
    quiet = Kind(
        "hush", "Hush", "tests.loud", TrainSettings, Whisper, starters=(weights(home / "low", "loud", "hush"),)
    )
    plugin = replace(louder.plugin, kinds=(*louder.plugin.kinds, quiet))
    return Services(Settings(), [replace(louder, plugin=plugin), other])


def test_weights_of_another_kind_are_refused_by_name_before_anything_loads(services: Services):
    with pytest.raises(UserError, match=r"^low holds weights of 'Hush'; this needs weights of 'Fit'\.$"):
        services.models.call(Caller("me"), "loud", None, Speak.shout, "low", "so")


def test_weights_of_another_plugin_are_refused_by_name(services: Services, home: Path):
    run = services.runs.store.create("other", "fit", TrainSettings())
    weights(run.artifact, "other")
    with pytest.raises(UserError, match=rf"^{run.id} holds weights of 'Other: Fit'; this needs weights of 'Fit'\.$"):
        services.models.call(Caller("me"), "loud", None, Speak.shout, run.id, "so")


def test_an_endpoint_takes_the_starter_of_its_kind_where_none_is_named(services: Services):
    assert services.models.load(services.plugins.get("loud"), "", Speak.shout, Caller("me")).folder.name == "here"  # type: ignore[attr-defined]
    assert services.plugins.get("loud").default_weights(Whisper) == "low"


def test_a_choice_of_weights_lists_what_its_interface_can_use(services: Services):
    plugin = services.plugins.get("loud")
    runs = {name: services.runs.store.create("loud", name, TrainSettings()) for name in ("fit", "hush")}
    for name, run in runs.items():
        (weights(run.artifact, "loud", name) / "model.safetensors").touch()
    services.hub.models.offer("alice/low@1", plugin, plugin.kind("hush"), Path(), "me")
    with gr.Blocks(), gr.Tabs():
        bench = PluginWorkbench(services, plugin)
        with gr.Tab("Loud"):
            bench.on(Speak).weights_picker()
        with gr.Tab("Quiet"):
            bench.on(Whisper).weights_picker()
    names = services.models.names(plugin, "me")
    listed = [[value for _, value in picker.update(names, {}).choices] for picker in bench.pickers]
    assert listed == [["here", runs["fit"].id], ["low", runs["hush"].id, "alice/low@1"]]
    assert [picker.component.value for picker in bench.pickers] == ["here", "low"]


def test_weights_open_in_the_tab_of_their_kind(services: Services):
    plugin = services.plugins.get("loud")
    bench = PluginWorkbench(services, plugin)
    with gr.Blocks(), gr.Tabs() as tabs:
        with gr.Tab("Any"):
            bench.weights_picker()
        with gr.Tab("Quiet") as quiet:
            bench.on(Whisper).weights_picker()
    picker = nearest_picker(bench.pickers, plugin.kind("hush"))
    assert picker and picker.tabs == ((tabs, quiet),)
    assert quiet.id is not None


def test_the_theme_holds_every_colour_that_it_names():
    from spaces_app.page.theme import BUTTONS, INPUTS, SURFACES, TEXT, THEME

    named = {**SURFACES, **TEXT, **INPUTS, **BUTTONS}
    assert {name: getattr(THEME, name) for name in named} == named
