// The frame: who is signed in, which view is shown, and the keys.

import { Refused, ask, session } from "./ask.js";
import { help, signIn } from "./dialogs.js";
import { empty, fill, h } from "./dom.js";
import { experiments } from "./experiments.js";
import { live } from "./live.js";
import { quality } from "./quality.js";
import { releases } from "./releases.js";
import { users } from "./users.js";

const VIEWS = { live, releases, experiments, users, quality };
const JUMPS = { l: "live", r: "releases", e: "experiments", u: "users", q: "quality" };
const JUMP_MILLISECONDS = 1500;
const RETRY_MILLISECONDS = 5000;

const view = document.getElementById("view");
const search = document.getElementById("user");
let who = null;

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function route() {
  const [path, parameters] = location.hash.replace(/^#\//, "").split("?");
  const [name, ...rest] = path.split("/");
  return {
    name: name in VIEWS ? name : "live",
    id: rest.map(decoded).join("/"),
    parameters: new URLSearchParams(parameters),
  };
}

function show() {
  if (who === null) return;
  const { name, id, parameters } = route();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${name}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${document.querySelector("nav a[aria-current]").textContent} – Headwater console`;
  fill(view, VIEWS[name]({ id, parameters, admin: who.admin }));
}

async function identify() {
  who = await ask("/api/session");
  const box = document.getElementById("who");
  if (who === null) {
    fill(box, h("button", { type: "button", click: () => signIn() }, "Sign in"));
    fill(view, empty("Sign in to see how the installation is."));
    signIn();
    return;
  }
  const out = async () => {
    await ask("/api/session", { method: "DELETE" });
    location.reload();
  };
  const may = who.admin ? "may change" : "looks only";
  fill(box, [
    h("span", { title: who.scopes.join(" ") }, who.subject, h("small", null, may)),
    h("button", { type: "button", click: out }, "Sign out"),
  ]);
}

session.addEventListener("signed-out", () =>
  signIn("Your token is not accepted any more: it has expired, or its key is gone. The page stays as it is."),
);
session.addEventListener("signed-in", async () => {
  const before = who;
  await identify();
  if (before === null || before.admin !== who.admin) show();
});

let jumping = 0;

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog");
  if (event.key === "Escape" && event.target === search) search.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (performance.now() - jumping < JUMP_MILLISECONDS && event.key in JUMPS) {
    location.hash = `#/${JUMPS[event.key]}`;
    jumping = 0;
  } else if (event.key === "g") {
    jumping = performance.now();
  } else if (event.key === "/") {
    event.preventDefault();
    search.select();
  } else if (event.key === "r") {
    for (const section of document.querySelectorAll(".panel")) section.reload();
  } else if (event.key === "?") {
    help();
  }
});

document.getElementById("help").addEventListener("click", help);
document.getElementById("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const id = search.value.trim();
  if (id) location.hash = `#/users/${encodeURIComponent(id)}`;
});
window.addEventListener("hashchange", () => {
  show();
  view.focus({ preventScroll: true });
  window.scrollTo(0, 0);
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  view.focus();
});

async function begin() {
  try {
    await identify();
    show();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    fill(view, h("p", { class: "fault", role: "alert" }, error.message));
    setTimeout(begin, RETRY_MILLISECONDS);
  }
}

await begin();
