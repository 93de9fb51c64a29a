// What Gradio's components leave out for the keyboard and for screen readers (rules of axe-core 4.12, Gradio 6.31).
(() => {
  const TABS = '[role="tablist"]';

  // Tabs: arrow keys, Home and End move between them (ARIA Authoring Practices, "Tabs").
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.('[role="tab"]');
    if (!tab || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const tabs = [...tab.closest(TABS).querySelectorAll('[role="tab"]:not([disabled])')].filter((each) => each.offsetParent);
    const at = tabs.indexOf(tab);
    const next = {
      ArrowRight: (at + 1) % tabs.length, ArrowLeft: (at - 1 + tabs.length) % tabs.length, Home: 0, End: tabs.length - 1,
    }[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    tabs[next].focus();
    tabs[next].click();
  });

  const labelOf = (element) => element.closest(".block")?.querySelector('[data-testid="block-label"]')?.textContent.trim();

  const MENDS = [
    // A name is allowed on an element with a role only.
    [".empty[aria-label]:not([role])", (element) => element.setAttribute("role", "img")],
    // The header of a table without rows: what is scrolled has to hold something that the keyboard reaches.
    ['[role="grid"][aria-rowcount="1"] [role="columnheader"][tabindex="-1"]:first-child', (element) =>
      element.setAttribute("tabindex", "0")],
    // A list has list items; these are buttons.
    ['.examples[role="list"]:not(:has([role="listitem"]))', (element) => element.removeAttribute("role")],
    // The word stands beside the picture.
    ['footer img[alt]:not([alt=""])', (element) => element.setAttribute("alt", "")],
    // A button inside a button: the outer one does what the inner one did.
    ['.icon-button[aria-label="common.upload"]', (element) => {
      const inner = element.querySelector(".upload-container");
      const input = inner?.querySelector("input[type=file]");
      element.setAttribute("aria-label", "Add files");
      element.title = "Add files";
      if (!input) return;
      inner.inert = true;
      element.addEventListener("click", (event) => event.target !== input && input.click());
    }],
    // A picture whose caption stands below it is not read twice.
    [".thumbnail-item:has(.caption-label) img:not([alt=''])", (element) => element.setAttribute("alt", "")],
    // The button around a picture that can be clicked.
    ["button:not([aria-label]):has(> .image-frame)", (element) => element.setAttribute("aria-label", labelOf(element) || "Image")],
    // What is scrolled has to be reached by the keyboard.
    [":is(.scroll, .wide-table, .strip, .prose pre):not([tabindex])", (element) => element.setAttribute("tabindex", "0")],
  ];

  // On a phone the links of a family are scrolled sideways: to the page one is on.
  const here = '.studio-header .family a[aria-current]:not([data-shown])';
  MENDS.push([here, (link) => {
    const strip = link.parentElement.closest("nav");
    link.dataset.shown = "";
    strip.scrollLeft = link.offsetLeft - strip.offsetLeft - (strip.clientWidth - link.offsetWidth) / 2;
  }]);

  let waiting = false;
  const mend = () => {
    waiting = false;
    for (const [selector, change] of MENDS) document.querySelectorAll(selector).forEach(change);
  };
  const later = () => {
    if (waiting) return;
    waiting = true;
    mend();
    waiting = true; // no more than ten times a second
    setTimeout(mend, 100);
  };
  new MutationObserver(later).observe(document.documentElement, { childList: true, subtree: true });
})();
