import * as api from "./api.js";
import { card, named, placeholder, show } from "./cards.js";
import { compare, told } from "./changes.js";
import { newVisitor, remember, remembered } from "./users.js";
import { age, plain, refused } from "./words.js";

const CARDS = 10;
const SIMILAR = 6;
const DEED = { click: "click on", purchase: "purchase of" };
const CATCH_UP_MILLISECONDS = [150, 300, 600, 1200, 2400];
const part = (id) => document.getElementById(id);
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

let user = null; // who is looked at
let shown = null; // the answer on the page, null before the first
let similar = null; // the answer in the dialog, null before it came
let opened = 0; // counts the dialogs: what an earlier one still waits for is not shown
let turn = 0; // counts what the person did: what an earlier turn still waits for is not shown

function say(text, kind = "") {
  const notice = part("notice");
  notice.hidden = !text;
  notice.dataset.kind = kind;
  notice.textContent = text;
}

/** What the person should know of an answer, given the one before (or null). */
function remark(answer, before) {
  if (answer.degraded.length) return [`Answered without: ${answer.degraded.map(plain).join(", ")}.`, "warning"];
  if (before && before.release !== answer.release) {
    return [`A new release answers now: ${answer.release} instead of ${before.release}.`, "info"];
  }
  if (answer.features.state !== "missing") return [""];
  return [`Headwater does not know ${user} yet: these are popular and trending items.`, "info"];
}

function describe({ features, release, experiment }) {
  const seconds = features.user_age_seconds;
  part("profile").textContent = seconds === null ? "none yet" : `${age(seconds)} old, ${features.state}`;
  part("release").textContent = release;
  part("experiment").textContent = experiment ? `${experiment.id}, arm ${experiment.arm}` : "none";
}

function fill(list, items, changes) {
  const scores = items.map((item) => item.score);
  const range = { lowest: Math.min(0, ...scores), highest: Math.max(...scores) };
  const mark = ({ item_id }) => {
    const rise = changes?.moved.get(item_id);
    if (changes?.fresh.has(item_id)) return { kind: "new", text: "New" };
    return rise && { kind: "moved", text: `${rise > 0 ? "↑" : "↓"} ${Math.abs(rise)}` };
  };
  show(list, items.map((item) => card(item, range, mark(item))));
}

/** Asks and shows the answer. `cause` is what the person did: what it changed is marked. Null when a later turn came. */
async function refresh(mine, cause) {
  const row = part("row");
  row.setAttribute("aria-busy", "true");
  const answer = await api.recommendations(user);
  if (mine !== turn) return null;
  row.removeAttribute("aria-busy");
  const changes = cause && compare(cause.before.items, answer.items);
  describe(answer);
  say(...remark(answer, cause?.before));
  part("changes").textContent = cause ? `${cause.words}: ${told(changes, named)}` : "";
  fill(row, answer.items, changes);
  shown = answer;
  return answer;
}

/** Does `work`, again and again while it is refused for a time only, as long as it is `needed`. Null: in vain. */
async function insist(work, needed = () => true) {
  while (needed()) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof api.Refusal)) throw error;
      say(refused(error), "error");
      if (!error.retrySeconds) return null;
      await pause(error.retrySeconds * 1000);
    }
  }
  return null;
}

/** Refreshes until the profile is no older than `since`, a `performance.now()`. */
async function catchUp(mine, cause, since) {
  for (const wait of CATCH_UP_MILLISECONDS) {
    await pause(wait);
    const answer = mine === turn && (await refresh(mine, cause));
    if (!answer) return;
    const seconds = answer.features.user_age_seconds;
    if (seconds !== null && seconds * 1000 <= performance.now() - since) return;
  }
  say("Your action is recorded; your profile has not caught up with it yet.", "warning");
}

async function act(action, item, requestId) {
  const mine = ++turn;
  const cause = { before: shown, words: `After your ${DEED[action]} ${named(item)}` };
  const event = { event_id: api.newId(), user_id: user, item_id: item.item_id, action, request_id: requestId };
  const since = performance.now();
  if (await insist(() => api.send(event))) {
    await insist(() => catchUp(mine, cause, since), () => mine === turn);
  }
}

async function openSimilar(item) {
  const mine = ++opened;
  similar = null;
  part("similar-heading").textContent = `Similar to ${named(item)}`;
  part("similar-notice").textContent = "";
  show(part("similar-row"), Array.from({ length: SIMILAR }, placeholder));
  part("similar").showModal();
  try {
    const answer = await api.similar(item.item_id, SIMILAR);
    if (mine !== opened) return;
    similar = answer;
    fill(part("similar-row"), similar.items);
  } catch (error) {
    if (!(error instanceof api.Refusal)) throw error;
    if (mine !== opened) return;
    part("similar-row").replaceChildren();
    part("similar-notice").textContent = refused(error);
  }
}

function press(button, answer) {
  const id = button?.closest(".card").dataset.item;
  const item = answer?.items.find((one) => one.item_id === id);
  if (!item) return;
  part("similar").close();
  if (button.dataset.action === "similar") openSimilar(item);
  else act(button.dataset.action, item, answer.request_id);
}

function suggest() {
  const users = remembered();
  part("remembered").replaceChildren(...users.map((id) => new Option(id)));
  part("known-users").replaceChildren(
    ...users.map((id) => {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: id });
      button.addEventListener("click", () => signIn(id));
      return button;
    }),
  );
}

/** Begins anew for one user; null is nobody. */
async function look(id) {
  const mine = ++turn;
  user = id;
  shown = null;
  part("user").value = id ?? "";
  part("welcome").hidden = id !== null;
  part("answer").hidden = id === null;
  part("heading").textContent = id === null ? "Recommendations" : `Recommendations for ${id}`;
  part("changes").textContent = "";
  for (const figure of ["profile", "release", "experiment"]) part(figure).textContent = "–";
  say("");
  suggest();
  show(part("row"), id === null ? [] : Array.from({ length: CARDS }, placeholder));
  if (id === null) return;
  const answer = await insist(() => refresh(mine, null), () => mine === turn);
  if (mine !== turn) return;
  if (answer) remember(id);
  else part("row").replaceChildren();
}

function signIn(id) {
  history.pushState(null, "", `?${new URLSearchParams({ user: id })}`);
  look(id);
}

const lookAtAddress = () => look(new URLSearchParams(location.search).get("user"));

part("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(part("user").value.trim());
});
part("visitor").addEventListener("click", () => signIn(newVisitor()));
part("row").addEventListener("click", ({ target }) => press(target.closest("button"), shown));
part("similar-row").addEventListener("click", ({ target }) => press(target.closest("button"), similar));
part("close-similar").addEventListener("click", () => part("similar").close());
addEventListener("popstate", lookAtAddress);
lookAtAddress();
