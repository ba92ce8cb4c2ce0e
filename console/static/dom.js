// Elements. Whatever comes from outside becomes a text node: a title with HTML in it stays text.

import { count } from "./format.js";

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return node;
}

export const h = (tag, attributes, ...children) => build(document.createElement(tag), attributes, children);

export const svg = (tag, attributes, ...children) =>
  build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// Makes `content`, an element, text or nested lists of them, all that `node` holds.
export function fill(node, content) {
  node.replaceChildren();
  return build(node, null, [content]);
}

// An element that `draw(width)` fills, again whenever its width changes.
export function responsive(draw) {
  const holder = h("div", { class: "plot" });
  let known = 0;
  new ResizeObserver(() => {
    const width = Math.floor(holder.clientWidth);
    if (width === 0 || width === known) return;
    known = width;
    holder.replaceChildren(draw(width));
  }).observe(holder);
  return holder;
}

// Columns are [heading, row => cell, class]; `row` may give attributes of a row.
export function table(columns, rows, { row = () => null, caption } = {}) {
  const head = h(
    "tr",
    null,
    columns.map(([heading, , kind]) => h("th", { class: kind, scope: "col" }, heading)),
  );
  const body = rows.map((one) =>
    h(
      "tr",
      row(one),
      columns.map(([, cell, kind]) => h("td", { class: kind }, cell(one))),
    ),
  );
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h("table", null, h("thead", null, head), h("tbody", null, body)),
  );
}

// Where one is in a long list, and links to the pages beside; `address(offset)` is that of a page.
export function pager({ offset, total }, size, address) {
  const link = (text, to) => (to < 0 || to >= total ? null : h("a", { href: address(to) }, text));
  const shown = `${count(offset + 1)}–${count(Math.min(offset + size, total))} of ${count(total)}`;
  return h(
    "nav",
    { class: "pager", "aria-label": "Pages" },
    shown,
    link("Newer", offset - size),
    link("Older", offset + size),
  );
}

export const tag = (text, kind = "") => h("span", { class: `tag ${kind}` }, text);

export const empty = (text) => h("p", { class: "empty" }, text);

export const facts = (pairs) =>
  h(
    "dl",
    { class: "facts" },
    pairs.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))),
  );
