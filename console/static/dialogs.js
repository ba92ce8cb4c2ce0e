// Modal questions: signing in, confirming a change, help.

import { Refused, ask, session } from "./ask.js";
import { h } from "./dom.js";

// `submit` is called with the form's data; a Refused keeps the dialog open and is shown in it.
export function dialog(title, content, { action, submit, dangerous = false, mustStay = false }) {
  const fault = h("p", { class: "fault", role: "alert", hidden: true });
  const button = h("button", { type: "submit", class: dangerous ? "primary danger" : "primary" }, action);
  const cancel = mustStay ? null : h("button", { type: "button", click: () => box.close() }, "Cancel");
  const form = h("form", { method: "dialog" }, h("h2", null, title), content, fault, h("footer", null, cancel, button));
  const box = h("dialog", { "aria-label": title, close: () => box.remove() }, form);
  if (mustStay) box.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await submit(new FormData(form));
      box.close();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      fault.textContent = error.message;
      fault.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
  document.body.append(box);
  box.showModal();
  return box;
}

const field = (label, input, hint) =>
  h("label", { class: "field" }, h("span", null, label), input, hint ? h("small", null, hint) : null);

// A token is one line, in a field of several.
function submitOnEnter(event) {
  if (event.key !== "Enter") return;
  event.preventDefault();
  event.target.form.requestSubmit();
}

const changes = (lines) =>
  h(
    "ul",
    { class: "changes" },
    lines.map((line) => h("li", null, line)),
  );

// Does `change()` once it is confirmed. `lines` say what will be different.
export const confirmed = (title, lines, { action, change }) =>
  dialog(title, changes(lines), { action, submit: change });

// The same, with a reason: `change(why)`.
export function explained(title, lines, { action, change, dangerous }) {
  const why = h("textarea", { name: "why", required: true, maxlength: "500", rows: "2" });
  const content = [changes(lines), field("Why", why, "Kept with your name.")];
  dialog(title, content, { action, dangerous, submit: (data) => change(data.get("why")) });
  why.focus();
}

const command = () => h("code", null, "headwater token --scope admin");

let asked = false;

export function signIn(message) {
  if (asked) return;
  asked = true;
  const content = [
    message ? h("p", { class: "fault", role: "alert" }, message) : null,
    field(
      "Token",
      h("textarea", { name: "token", rows: "3", spellcheck: "false", autocomplete: "off", keydown: submitOnEnter }),
    ),
    h(
      "p",
      { class: "hint" },
      "Any token of the platform may look. ",
      command(),
      " prints one that may also change things.",
    ),
    h(
      "details",
      null,
      h("summary", null, "Or with a client’s credentials"),
      field("Client id", h("input", { name: "client_id", autocomplete: "username" })),
      field("Client secret", h("input", { name: "client_secret", type: "password", autocomplete: "current-password" })),
      h("label", { class: "check" }, h("input", { type: "checkbox", name: "operate" }), "Ask for scope admin"),
    ),
  ];
  const submit = async (data) => {
    const token = data.get("token").trim();
    const credentials = { client_id: data.get("client_id"), client_secret: data.get("client_secret") };
    const body = token ? { token } : { ...credentials, operate: data.has("operate") };
    await ask("/api/session", { method: "POST", body });
    session.dispatchEvent(new Event("signed-in"));
  };
  const box = dialog(message ? "Sign in again" : "Sign in", content, { action: "Sign in", submit, mustStay: true });
  box.addEventListener("close", () => (asked = false));
}

const KEYS = [
  ["/", "look into a user"],
  ["g l", "live"],
  ["g r", "releases"],
  ["g e", "experiments"],
  ["g u", "user"],
  ["g q", "data quality"],
  ["r", "load every panel again"],
  ["?", "this help"],
  ["Esc", "close a dialog, leave a field"],
];

export function help() {
  const keys = KEYS.map(([key, meaning]) =>
    h(
      "div",
      null,
      h(
        "dt",
        null,
        key.split(" ").map((one) => h("kbd", null, one)),
      ),
      h("dd", null, meaning),
    ),
  );
  dialog("Keyboard", h("dl", { class: "keys" }, keys), { action: "Close", submit: async () => {} });
}
