"""Pages as axe-core sees them: every tab opened in turn, the rules it breaks, and what is wider than the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
DESKTOP, PHONE = ViewportSize(width=1440, height=900), ViewportSize(width=390, height=844)
LOOKS = [("light", DESKTOP), ("dark", DESKTOP), ("light", PHONE), ("dark", PHONE)]
BUSY = ":is(.wrap.default.full, .wrap.generating, .wrap.translucent):not(.hide), .reading"  # covers of what is computed
RUN_AXE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.flatMap(rule =>
  rule.nodes.map(node => `${rule.id} (${rule.impact}): ${node.html.slice(0, 160)} ${node.any.map(
    check => check.data?.contrastRatio ? `${check.data.contrastRatio} of ${check.data.fgColor} on ${check.data.bgColor}` : ''
  ).join(' ')}`))"""
TOO_WIDE = """() => {
  const width = document.documentElement.clientWidth, scrolls = /auto|scroll/, found = [];
  if (document.documentElement.scrollWidth > width + 1) found.push(`the page: ${document.documentElement.scrollWidth}`);
  for (const table of document.querySelectorAll('table')) {
    if (!table.offsetParent || table.getBoundingClientRect().right <= width + 1) continue;
    let box = table.parentElement;
    while (box && !scrolls.test(getComputedStyle(box).overflowX)) box = box.parentElement;
    if (!box) found.push(`a table that does not scroll: ${table.outerHTML.slice(0, 120)}`);
  }
  return found; }"""


def context(browser: Browser, size: ViewportSize) -> BrowserContext:
    """A browser window of this size with axe-core in it."""
    made = browser.new_context(viewport=size)
    made.add_init_script(AXE)
    return made


def problems(page: Page) -> list[str]:
    """The rules of axe-core that the page breaks as it is, and what is wider than the window."""
    settle(page)
    return [*page.evaluate(RUN_AXE), *page.evaluate(TOO_WIDE)]


def settle(page: Page) -> None:
    """Wait until nothing is being computed, twice, since one result may begin another computation, and for the moment
    in which `accessibility.js` mends new components."""
    for _ in range(2):
        page.wait_for_function(f"() => ![...document.querySelectorAll('{BUSY}')].some(each => each.offsetParent)")
        page.wait_for_timeout(250)


def tabs(page: Page, depth: int = 0, path: str = "") -> Iterator[str]:
    """Open every tab in turn, and those inside it; yields the names of the open ones."""
    lists = page.locator("[role=tablist]:visible")
    if lists.count() <= depth:
        yield path
        return
    for index in range(lists.nth(depth).locator("[role=tab]").count()):
        tab = page.locator("[role=tablist]:visible").nth(depth).locator("[role=tab]").nth(index)
        tab.evaluate("tab => tab.click()")  # also one in the menu of those that have no room
        page.wait_for_timeout(150)
        yield from tabs(page, depth + 1, f"{path} / {(tab.text_content() or '').strip()}")
