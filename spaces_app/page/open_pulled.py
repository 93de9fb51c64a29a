"""Pull a repository of the Hub and open it: in the tab and sub-tab that can use it, its weights chosen."""

from __future__ import annotations

from typing import Any

import gradio as gr

from plugins._contract import Kind
from spaces_app.identity import hub_token, visitor
from spaces_app.page.plugin_tab import TRAIN, PluginTab
from spaces_app.panels.pull import pulled_html
from spaces_app.panels.workbench import WeightsPicker
from spaces_app.services import Services


def open_pulled(services: Services, tabs: gr.Tabs, rendered: dict[str, PluginTab]) -> None:
    """Connect the pull button of every plugin's tab."""
    targets = _targets(tabs, rendered)

    def pull(repo: str | None, request: gr.Request, token: gr.OAuthToken | None) -> list[Any]:
        pulled = services.hub.pull(repo or "", visitor(request), hub_token(services.settings, token))
        tab = rendered[pulled["plugin"]]
        kind = tab.plugin.kind(pulled["kind"])
        title = tab.plugin.title if kind.title == tab.plugin.title else f"{tab.plugin.title}, {kind.title}"
        updates = {tabs: gr.Tabs(selected=tab.plugin.name), **_selection(tab, kind, pulled["weights"])}
        return [pulled_html(pulled, title), *(updates.get(target, gr.skip()) for target in targets)]

    for tab in rendered.values():
        form = tab.publish.pull
        form.button.click(pull, form.name, [form.result, *targets])


def _targets(tabs: gr.Tabs, rendered: dict[str, PluginTab]) -> list[Any]:
    """All that a pull may change: the tabs that hold a choice of weights, and the choices."""
    targets: list[Any] = [tabs]
    for tab in rendered.values():
        targets.append(tab.tabs)
        for picker in tab.workbench.pickers:
            targets += [picker.component, *(holder for holder, _ in picker.tabs)]
    return list(dict.fromkeys(targets))


def _selection(tab: PluginTab, kind: Kind, weights: str) -> dict[Any, Any]:
    """Component -> update that shows the nearest choice of weights of this kind; Train where there is none."""
    picker = nearest_picker(tab.workbench.pickers, kind)
    if picker is None:
        return {tab.tabs: gr.Tabs(selected=TRAIN)}
    selected = {holder: gr.Tabs(selected=inner.id) for holder, inner in picker.tabs}
    return {**selected, picker.component: gr.Dropdown(value=weights)}


def nearest_picker(pickers: list[WeightsPicker], kind: Kind) -> WeightsPicker | None:
    """The first picker that offers this kind among the fewest: its own interface before one for a common base."""
    fitting = [picker for picker in pickers if kind in picker.kinds]
    return min(fitting, key=lambda picker: len(picker.kinds), default=None)
