// Releases side by side: what each was measured at, and what its gate compared.

import { empty, h, tag } from "./dom.js";
import { metric, signed } from "./format.js";
import { intervals } from "./plots.js";

export const SERIES = ["a", "b", "c"];

export const outcome = (gate) => {
  if (gate === null) return tag("no record");
  return gate.passed ? tag("passed", "good") : tag("refused", "bad");
};

export const id = (release) => h("code", null, release ?? "none");

function measured(release, name) {
  const at = name.lastIndexOf("/");
  const [model, of] = [name.slice(0, at), name.slice(at + 1)];
  const [lower, upper] = release.intervals[name];
  return { model, of, estimate: release.metrics[model]?.[of], lower, upper };
}

// The gate's metric of every model, one mark a release.
function compared(chosen) {
  const models = new Map();
  chosen.forEach((release, place) => {
    for (const name of Object.keys(release.intervals)) {
      const found = measured(release, name);
      if (found.estimate === undefined) continue;
      const text = `${release.id} ${metric(found.estimate)} (${metric(found.lower)} to ${metric(found.upper)})`;
      const row = models.get(name) ?? { label: found.model, marks: [], best: 0 };
      row.marks.push({ ...found, kind: SERIES[place], text });
      row.best = Math.max(row.best, found.estimate);
      models.set(name, row);
    }
  });
  const rows = [...models.values()].sort((one, other) => other.best - one.best);
  for (const row of rows) row.note = row.marks.map((mark) => h("span", { class: mark.kind }, metric(mark.estimate)));
  return rows;
}

// The checks of one run's gate; null where the run is gone.
export function gate(name, verdict) {
  const head = h("h3", null, id(name), " ", outcome(verdict));
  if (verdict === null) return [head, empty("Its run is gone, and with it the gate’s checks.")];
  const rows = verdict.checks.map((check) => ({
    label: `over ${check.name}`,
    marks: [{ ...check, kind: check.passed ? "good" : "bad", text: check.reason }],
    note: signed(check.estimate),
  }));
  return [
    head,
    intervals(rows, { write: signed, zero: true }),
    h(
      "ul",
      { class: "reasons" },
      verdict.reasons.map((reason) => h("li", null, reason)),
    ),
  ];
}

export function comparison(chosen) {
  if (chosen.length === 0) return empty("Choose up to three releases to see them side by side.");
  const names = chosen.map((release, place) => h("span", { class: `key ${SERIES[place]}` }, release.id));
  const measure = Object.keys(chosen[0].intervals)[0]?.split("/").at(-1) ?? "";
  return [
    h("p", { class: "note" }, `${measure} on each release’s own holdout with its bootstrap interval. `, names),
    intervals(compared(chosen), { write: metric }),
    h("h3", null, "The gate: candidate minus reference, with the bound that decides"),
    h(
      "div",
      { class: "gates" },
      chosen.map((release) => h("div", null, gate(release.id, release.gate))),
    ),
  ];
}
