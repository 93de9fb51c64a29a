"""Pages and their tabs by axe-core, light and dark, on a desktop and on a phone; tabs by the arrow keys."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from plugins._discovery import discover
from spaces_app.page import routes
from tests.accessibility import DESKTOP, LOOKS, PHONE, context, problems, tabs
from tests.page import Site, served
from training.files import write_json
from training.settings import parse_settings

pytestmark = pytest.mark.browser
PLUGINS = [found.plugin for found in discover("builtin") if found.plugin]
FAMILIES = [plugin.name for plugin in PLUGINS]
TRAINERS = [routes.trainer(plugin.name, kind.name) for plugin in PLUGINS for kind in plugin.trainable]
OTHERS = [routes.HOME, routes.TOUR, routes.RUNS, routes.RUN, routes.HUB, routes.API, routes.SERVER]
BRIEFLY = [*FAMILIES, *TRAINERS[:2], *OTHERS]  # the trainers' pages are alike
NAMES = [f"{theme}-{size['width']}" for theme, size in LOOKS]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("home"), trains=False) as site:
        yield site


@pytest.fixture(scope="module")
def run(site: Site) -> str:
    """The id of a run that has finished, by its record."""
    kind = site.services.plugins.get("bert_finetune").kind("classify").trained_by
    run = site.services.runs.store.create("bert_finetune", "classify", parse_settings(kind, {}))
    for step in (1, 2):
        run.write_event("step", step=step, loss=1 / step)
        run.write_event("eval", step=step, metrics={"accuracy": step / 2}, best=True)
    run.write_event("finished", step=2)
    classes = ["a long name of a class", *(f"class {number}" for number in range(1, 20))]
    rows = [[name, *([0] * len(classes))] for name in classes]
    write_json(run.folder / "report.json", {"Confusion": {"columns": ["truth", *classes], "rows": rows}})
    return run.id


def opened(browser: Browser, site: Site, name: str, theme: str, size: ViewportSize, run: str = "") -> Iterator[Page]:
    with context(browser, size) as window:
        page = window.new_page()
        page.goto(f"{site.url}{routes.link(name, run=run if name == routes.RUN else '', __theme=theme)}")
        expect(page.locator(".studio-header")).to_be_visible()
        page.wait_for_timeout(500)
        yield page


@pytest.mark.parametrize(("number", "name"), list(enumerate(BRIEFLY)), ids=[name or "home" for name in BRIEFLY])
def test_a_page_as_it_opens(browser: Browser, site: Site, run: str, number: int, name: str) -> None:
    """Each page in one of the four looks; the test below has all of them for the pages with tabs."""
    theme, size = LOOKS[number % len(LOOKS)]
    for page in opened(browser, site, name, theme, size, run):
        assert problems(page) == []


@pytest.mark.slow
@pytest.mark.parametrize(("theme", "size"), LOOKS, ids=NAMES)
@pytest.mark.parametrize("name", FAMILIES)
def test_every_tab(browser: Browser, site: Site, run: str, name: str, theme: str, size: ViewportSize) -> None:
    for page in opened(browser, site, name, theme, size, run):
        broken = {path: found for path in tabs(page) if (found := problems(page))}
        assert broken == {}


def test_arrow_keys_move_between_tabs(browser: Browser, site: Site) -> None:
    for page in opened(browser, site, "gpt_prompting", "light", DESKTOP):
        names = page.locator("[role=tablist]:visible").first.locator("[role=tab]").all_text_contents()
        first, second = (page.get_by_role("tab", name=name.strip(), exact=True) for name in names[:2])
        first.focus()
        page.keyboard.press("ArrowRight")
        expect(second).to_have_attribute("aria-selected", "true")
        expect(second).to_be_focused()
        page.keyboard.press("ArrowRight")  # from the last to the first
        expect(first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("End")
        expect(second).to_be_focused()
        page.keyboard.press("ArrowLeft")
        expect(first).to_be_focused()


def test_on_a_phone_the_five_families_are_in_sight(browser: Browser, site: Site) -> None:
    for page in opened(browser, site, "bert_finetune", "light", PHONE):
        for plugin in PLUGINS:
            box = page.locator(".families").get_by_role("link", name=plugin.title, exact=True).bounding_box()
            assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"], plugin.title
            assert box["y"] + box["height"] < 150 and box["height"] >= 40, plugin.title


def test_on_a_phone_every_tab_is_in_sight_and_the_api_page_has_its_list(browser: Browser, site: Site) -> None:
    for page in opened(browser, site, "bert_finetune", "light", PHONE):
        for tab in page.locator("[role=tablist]:visible [role=tab]").all():
            box = tab.bounding_box()
            assert box and box["x"] + box["width"] <= PHONE["width"], tab.text_content()
        assert page.locator("[role=tablist]:visible").nth(1).locator("[role=tab]").count() == 8  # none behind a menu
    for page in opened(browser, site, routes.API, "light", PHONE):
        expect(page.get_by_role("button", name="Use via API")).to_be_visible()


def test_a_wide_report_is_scrolled_in_its_box_and_its_names_stay(browser: Browser, site: Site, run: str) -> None:
    for page in opened(browser, site, routes.RUN, "dark", PHONE, run):
        box, corner = page.locator(".report .scroll"), page.get_by_role("columnheader", name="truth")
        name, head = page.get_by_role("cell", name="class 19"), page.get_by_role("columnheader", name="class 19")
        longest = page.get_by_role("cell", name="a long name of a class").bounding_box()
        assert longest and longest["width"] > 60 and longest["height"] < 90  # not a letter a line
        name.scroll_into_view_if_needed()
        box.evaluate("box => box.scrollTo(box.scrollWidth, box.scrollHeight)")
        frame = box.bounding_box()
        assert frame and frame["x"] + frame["width"] <= PHONE["width"]
        for cell in (corner, head, name):
            place = cell.bounding_box()
            assert place and frame["x"] <= place["x"] and place["x"] + place["width"] <= PHONE["width"]
            assert frame["y"] <= place["y"] and place["y"] + place["height"] <= frame["y"] + frame["height"] + 1
        assert page.evaluate("scrollX") == 0 and problems(page) == []


def test_on_a_phone_the_link_of_the_page_is_scrolled_to(browser: Browser, site: Site) -> None:
    for page in opened(browser, site, "bert_finetune-label_efficiency", "light", PHONE):
        box = page.locator(".family a[aria-current]").bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
