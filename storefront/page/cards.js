// Items as cards. Every text is set as text: a title that holds HTML is shown, not run.

import { plain } from "./words.js";

const template = document.getElementById("card");

export const named = (item) => item.title || item.item_id;

/** A card for `item`; `scores` is the range of its row, `mark` what changed about it. */
export function card(item, scores, mark) {
  const element = template.content.firstElementChild.cloneNode(true);
  const part = (selector) => element.querySelector(selector);
  const category = item.category ?? [];
  element.dataset.item = item.item_id;
  element.style.setProperty("--hue", hue(category[0] ?? item.item_id));
  part(".position").textContent = item.position;
  part(".category").textContent = category.join(" · ");
  part("h3").textContent = named(item);
  part("h3").title = `${named(item)} (${item.item_id})`;
  part(".reason").textContent = sentence(item.reasons);
  const score = part(".score");
  score.title = `score ${item.score.toFixed(4)}`;
  score.setAttribute("aria-valuemin", scores.lowest);
  score.setAttribute("aria-valuemax", scores.highest);
  score.setAttribute("aria-valuenow", item.score);
  score.firstElementChild.style.inlineSize = `${share(item.score, scores)}%`;
  part(".sources").replaceChildren(...item.sources.map(chip));
  if (mark) {
    element.dataset.mark = mark.kind;
    part(".badge").textContent = mark.text;
  }
  for (const button of element.querySelectorAll("button")) {
    button.setAttribute("aria-label", `${button.textContent}: ${named(item)}`);
  }
  return element;
}

/** A card's shape while its answer is awaited. */
export function placeholder() {
  const element = template.content.firstElementChild.cloneNode(true);
  element.classList.add("placeholder");
  element.setAttribute("aria-hidden", "true");
  for (const button of element.querySelectorAll("button")) button.disabled = true;
  return element;
}

/** Shows `cards` in `list`; whoever was at a button stays at that item's, or else at the same place. */
export function show(list, cards) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const { item } = focused?.closest(".card")?.dataset ?? {};
  const place = [...list.children].indexOf(focused?.closest(".card"));
  list.replaceChildren(...cards);
  if (!focused) return;
  const heir = cards.find((one) => one.dataset.item === item) ?? cards[place] ?? cards.at(-1);
  heir?.querySelector(`[data-action="${focused.dataset.action}"]`)?.focus();
}

function chip(text) {
  const element = document.createElement("li");
  element.textContent = plain(text);
  return element;
}

function sentence(reasons) {
  const text = reasons.join("; ");
  return text && `${text[0].toUpperCase()}${text.slice(1)}.`;
}

const share = (score, { lowest, highest }) => ((score - lowest) / (highest - lowest || 1)) * 100;

function hue(text) {
  let sum = 0;
  for (const letter of text) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return sum;
}
