// Start: put the parts on the page, show what the address names, and refresh when the page is looked at again.

root.replaceChildren(makeTable(), comparison.node, makeSweeps());
readAddress();
view.search.value = state.query.text;
view.bar.hidden = true;
refresh();
if (state.compared.length) compare(state.compared);
loadSweeps();

// Rendering changes the height, so only a new width counts; a width after 0 means that the page was opened again.
let width = element.clientWidth;
const sizes = new ResizeObserver(() => {
  const before = width;
  width = element.clientWidth;
  if (width && !before) refresh();
  if (width !== before && comparison.answer && !comparison.node.hidden) comparison.node.querySelector("select")?.dispatchEvent(new Event("change"));
});
sizes.observe(element);
lifetime.signal.addEventListener("abort", () => sizes.disconnect());
document.addEventListener("visibilitychange", () => document.hidden || refreshWhenSeen(), { signal: lifetime.signal });
