// The drawing half of TokenView. Gradio runs this text as a function of (element, trigger, props, server, upload, watch) once
// the component is on the page. Whatever a model or a visitor says reaches the page as text nodes, never as markup.

const root = element.querySelector(".token-view");
const SIGNS = { "\n": "⏎\n", "\t": "→\t", "\r": "␍" };

function html(tag, className = "", ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

// Control characters as signs, so that a token of nothing but a line break can be seen and pointed at.
function visible(text) {
  return text.replace(/[\x00-\x1f\x7f]/g, (sign) => SIGNS[sign] ?? String.fromCharCode(sign === "\x7f" ? 0x2421 : 0x2400 + sign.charCodeAt(0)));
}

function percent(value) {
  if (value >= 0.9995) return "100 %";
  return value >= 0.1 ? `${(100 * value).toFixed(0)} %` : value >= 0.001 ? `${(100 * value).toFixed(1)} %` : `${value.toExponential(0)}`;
}

// 0 for a certain token, 1 for one of a ten-thousandth or less: surprise in nats, as a share of 9.2.
function surprise(probability) {
  return Math.min(1, -Math.log(Math.max(probability, 1e-4)) / 9.21);
}

function quoted(text) {
  return text === "" ? "(the rest of a character)" : `“${text.replace(/\n/g, "⏎").replace(/\t/g, "→")}”`;
}

function tip(token) {
  const rows = token.others.map((other) => {
    const bar = html("i");
    bar.style.width = `${Math.max(1, 100 * other.probability)}%`;
    const row = html("div", other.token === token.token ? "rival chosen" : "rival", html("span", "what", quoted(other.token)), html("span", "bar", bar), html("span", "chance", percent(other.probability)));
    return row;
  });
  const head = html("div", "tip-head", html("b", "", quoted(token.token)), ` ${said(token)}`);
  return html("div", "tip", head, ...(rows.length ? [html("div", "tip-note", "what else it might have said"), ...rows] : []));
}

const isKnown = (value) => value !== null && value !== undefined;

function said(token) {
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

function drawn(token) {
  const span = html("span", "token", visible(token.token));
  const heat = isKnown(token.attention) ? Math.sqrt(token.attention) : isKnown(token.probability) ? surprise(token.probability) : null;
  if (heat !== null) span.style.setProperty("--surprise", (100 * heat).toFixed(0) + "%");
  if (heat !== null || token.others.length) {
    span.tabIndex = 0;
    span.setAttribute("aria-label", `${token.token}, ${said(token)}`);
    for (const event of ["mouseenter", "focus", "click"]) span.addEventListener(event, () => show(span, token));
    for (const event of ["mouseleave", "blur"]) span.addEventListener(event, close);
  }
  return span;
}

function part(piece) {
  const head = html("div", "part-head");
  if (piece.title) head.append(html("b", "", piece.title));
  for (const fact of piece.facts ?? []) head.append(html("span", "fact", fact));
  const text = html("div", "text");
  if (piece.tokens?.length) text.append(...piece.tokens.map(drawn));
  else text.append(piece.text ? visible(piece.text) : html("span", "soft", piece.empty ?? ""));
  const block = html("section", "part", ...(head.childNodes.length ? [head] : []), text);
  if (piece.note) block.append(html("p", "note", piece.note));
  return block;
}

function draw() {
  close();
  let value = {};
  try {
    value = JSON.parse(props.value || "{}");
  } catch {
    value = { parts: [{ text: String(props.value) }] };
  }
  const parts = value.parts ?? [];
  const empty = html("p", "soft", value.empty ?? "");
  root.replaceChildren(...(parts.length ? parts.map(part) : [empty]));
  const tokens = parts.flatMap((each) => each.tokens ?? []);
  const ends = tokens.some((token) => isKnown(token.attention)) ? ["little", "much attention"] : tokens.some((token) => isKnown(token.probability)) ? ["certain", "surprising"] : null;
  if (ends) root.append(html("div", "legend", html("span", "", ends[0]), html("i", "scale"), html("span", "", ends[1]), html("span", "soft", "point at a token")));
}

draw();
watch("value", draw);
