// Rendering of TokenView. Gradio runs this text as a function of (element, trigger, props, server, upload, watch) once the
// component is on the page. Text of a model or a visitor is added as text nodes, never as markup.

const root = element.querySelector(".token-view");
const SIGNS = { "\n": "⏎\n", "\t": "→\t", "\r": "␍" };

function html(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

// Control characters as visible symbols, so that a token that is only a line break can be seen and pointed at.
function visible(text) {
  return text.replace(/[\x00-\x1f\x7f]/g, (sign) => SIGNS[sign] ?? String.fromCharCode(sign === "\x7f" ? 0x2421 : 0x2400 + sign.charCodeAt(0)));
}

function percent(value) {
  if (value >= 0.9995) return "100 %";
  return value >= 0.1 ? `${(100 * value).toFixed(0)} %` : value >= 0.001 ? `${(100 * value).toFixed(1)} %` : `${value.toExponential(0)}`;
}

// Surprisal as a share of 9.2 nats: 0 for a certain token, 1 for a probability of 1e-4 or less.
function surprisal(probability) {
  return Math.min(1, -Math.log(Math.max(probability, 1e-4)) / 9.21);
}

function quoted(text) {
  return text === "" ? "(the rest of a character)" : `“${text.replace(/\n/g, "⏎").replace(/\t/g, "→")}”`;
}

function tip(token) {
  const rows = token.others.map((other) => {
    const bar = html("i");
    bar.style.width = `${Math.max(1, 100 * other.probability)}%`;
    const row = html("div", other.token === token.token ? "candidate chosen" : "candidate", html("span", "what", quoted(other.token)), html("span", "bar", bar), html("span", "probability", percent(other.probability)));
    return row;
  });
  const head = html("div", "tip-head", html("b", "", quoted(token.token)), ` ${describe(token)}`);
  return html("div", "tip", head, ...(rows.length ? [html("div", "tip-note", "other candidates"), ...rows] : []));
}

const isKnown = (value) => value !== null && value !== undefined;

function describe(token) {
  if (isKnown(token.attention)) return `gets ${percent(token.attention)} of the attention`;
  return isKnown(token.probability) ? percent(token.probability) : "probability unknown";
}

let open = null;
function close() {
  open?.remove();
  open = null;
}

function show(span, token) {
  close();
  open = tip(token);
  root.append(open);
  const [box, at] = [root.getBoundingClientRect(), span.getBoundingClientRect()];
  const left = Math.min(Math.max(0, at.left - box.left), Math.max(0, box.width - open.offsetWidth));
  open.style.left = `${left}px`;
  open.style.top = `${at.bottom - box.top + 6}px`;
}

function renderToken(token) {
  const span = html("span", "token", visible(token.token));
  const heat = isKnown(token.attention) ? Math.sqrt(token.attention) : isKnown(token.probability) ? surprisal(token.probability) : null;
  if (heat !== null) span.style.setProperty("--heat", (100 * heat).toFixed(0) + "%");
  if (heat !== null || token.others.length) {
    span.tabIndex = 0;
    span.setAttribute("role", "img"); // a name is allowed on an element with a role only
    span.setAttribute("aria-label", `${token.token}, ${describe(token)}`);
    for (const event of ["mouseenter", "focus", "click"]) span.addEventListener(event, () => show(span, token));
    for (const event of ["mouseleave", "blur"]) span.addEventListener(event, close);
  }
  return span;
}

function renderSection(section) {
  const head = html("div", "section-head");
  if (section.title) head.append(html("b", "", section.title));
  for (const fact of section.facts ?? []) head.append(html("span", "fact", fact));
  const text = html("div", "text");
  if (section.tokens?.length) text.append(...section.tokens.map(renderToken));
  else text.append(section.text ? visible(section.text) : html("span", "soft", section.empty ?? ""));
  const block = html("section", "section", ...(head.childNodes.length ? [head] : []), text);
  if (section.note) block.append(html("p", "note", section.note));
  return block;
}

function render() {
  close();
  let value = {};
  try {
    value = JSON.parse(props.value || "{}");
  } catch {
    value = { sections: [{ text: String(props.value) }] };
  }
  const sections = value.sections ?? [];
  const empty = html("p", "soft", value.empty ?? "");
  root.replaceChildren(...(sections.length ? sections.map(renderSection) : [empty]));
  const tokens = sections.flatMap((section) => section.tokens ?? []);
  const ends = tokens.some((token) => isKnown(token.attention)) ? ["little", "much attention"] : tokens.some((token) => isKnown(token.probability)) ? ["probable", "improbable"] : null;
  if (ends) root.append(html("div", "legend", html("span", "", ends[0]), html("i", "scale"), html("span", "", ends[1]), html("span", "soft", "point at a token")));
}

render();
watch("value", render);
