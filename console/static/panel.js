// A panel loads by itself. What it depends on may be down: it then says what, keeps what it showed, and tries again.

import { Refused, ask, session } from "./ask.js";
import { fill, h } from "./dom.js";

const RETRY_SECONDS = 10;
const TITLES = { 0: "No answer", 401: "Signed out", 403: "Not allowed", 404: "Not found", 503: "Unavailable" };

function fault(error, retry) {
  return h(
    "div",
    { class: "fault", role: "alert" },
    h("strong", null, TITLES[error.status] ?? "Refused"),
    h("p", null, error.message),
    h("button", { type: "button", click: retry }, "Try again"),
  );
}

// `load()` gives what `draw(content)` shows. `every` is in seconds; without it a panel loads once, and after a fault.
export function panel(title, load, draw, { every, wide = false, note } = {}) {
  const body = h("div", { class: "body" }, h("p", { class: "empty" }, "Loading…"));
  const troubles = h("div");
  const heading = h("h2", null, title, note ? h("small", null, note) : null);
  const section = h("section", { class: wide ? "panel wide" : "panel", "aria-label": title }, heading, troubles, body);
  let shown;
  let timer;

  async function reload() {
    clearTimeout(timer);
    let next = every;
    try {
      const content = await load();
      const text = JSON.stringify(content);
      if (text !== shown) fill(body, draw(content, reload));
      shown = text;
      fill(troubles, null);
      section.classList.remove("stale");
    } catch (error) {
      fill(troubles, fault(error, reload));
      if (shown === undefined) fill(body, null);
      else section.classList.add("stale");
      if (!(error instanceof Refused)) throw error;
      if (error.status === 401) return;
      next = every ?? (error.status === 0 || error.status === 503 ? RETRY_SECONDS : undefined);
    }
    if (next !== undefined) timer = setTimeout(again, next * 1000);
  }

  function again() {
    if (!section.isConnected) return;
    if (document.hidden) timer = setTimeout(again, RETRY_SECONDS * 1000);
    else reload();
  }

  const signedIn = () => (section.isConnected ? reload() : session.removeEventListener("signed-in", signedIn));
  session.addEventListener("signed-in", signedIn);
  section.reload = reload;
  reload();
  return section;
}

export const asking = (path) => () => ask(path);
