// Why a user gets what they get.

import { query } from "./ask.js";
import { empty, facts, h, table, tag } from "./dom.js";
import { count, duration, ms, when } from "./format.js";
import { asking, panel } from "./panel.js";
import { bar } from "./plots.js";

const IDS_SHOWN = 40;
const LISTED = 1000; // no more are named for one reason
const KINDS = { fresh: "good", stale: "warn", missing: "bad" };

function removed(stage) {
  if (stage.removed.length === 0) return "0";
  const reasons = new Map();
  for (const one of stage.removed) reasons.set(one.reason, [...(reasons.get(one.reason) ?? []), one.item_id]);
  const lists = [...reasons].map(([reason, ids]) => {
    const rest = ids.length > IDS_SHOWN ? ` and ${count(ids.length - IDS_SHOWN)} more` : "";
    return h(
      "p",
      null,
      h("strong", null, `${reason}: ${count(ids.length)}${ids.length < LISTED ? "" : " or more"} `),
      ids.slice(0, IDS_SHOWN).join(", "),
      rest,
    );
  });
  return h("details", null, h("summary", null, count(stage.removed_count)), lists);
}

function stages(explained) {
  const longest = Math.max(...explained.stages.map((stage) => stage.ms)) || 1;
  return table(
    [
      ["Stage", (stage) => [stage.stage, " ", stage.fault ? tag("fallback", "bad") : null]],
      ["Time", (stage) => ms(stage.ms), "number"],
      ["", (stage) => bar(stage.ms / longest), "bars"],
      ["Kept", (stage) => count(stage.kept), "number"],
      ["Removed", removed, "text"],
      ["What happened", (stage) => stage.fault ?? stage.note ?? "", "text"],
    ],
    explained.stages,
    { caption: "Stages" },
  );
}

const values = (features) =>
  table(
    [
      ["Feature", ([name]) => name],
      ["Value", ([, value]) => (value === null ? "–" : Number(value.toPrecision(6)).toString()), "number"],
    ],
    Object.entries(features),
    { caption: "Features" },
  );

function items(explained) {
  return table(
    [
      ["", (item) => item.position, "number"],
      ["Item", (item) => [h("strong", null, item.title || item.item_id), " ", h("code", null, item.item_id)], "text"],
      ["Score", (item) => item.score.toFixed(4), "number"],
      ["Sources", (item) => item.sources.map((source) => tag(source))],
      ["Reasons", (item) => item.reasons.join("; "), "text"],
      [
        "Ranked by",
        (item) =>
          h("details", null, h("summary", null, count(Object.keys(item.features).length)), values(item.features)),
      ],
    ],
    explained.items,
    { caption: "Items" },
  );
}

function summary(explained) {
  const { user, experiment } = explained;
  return [
    facts([
      ["Features", tag(user.state, KINDS[user.state])],
      ["Age", duration(user.age_seconds)],
      ["Actions known", count(user.last_actions.length)],
      ["Items seen", count(user.seen)],
      ["Vectors of", user.vectors.length ? user.vectors.map((name) => h("code", null, name)) : tag("none", "warn")],
      ["Release", h("code", null, explained.release)],
      [
        "Experiment",
        experiment
          ? h(
              "a",
              { href: `#/experiments/${encodeURIComponent(experiment.id)}` },
              `${experiment.id}: ${experiment.arm}`,
            )
          : "none",
      ],
      ["Degraded", explained.degraded.length ? explained.degraded.map((name) => tag(name, "bad")) : "no"],
    ]),
  ];
}

function history(explained) {
  const { last_actions: actions, features } = explained.user;
  const known = Object.keys(features).length;
  return h(
    "div",
    { class: "two" },
    h(
      "div",
      null,
      h("h3", null, "Last actions"),
      actions.length
        ? table(
            [
              ["When", (one) => when(one.timestamp)],
              ["What", (one) => one.action],
              ["Item", (one) => h("code", null, one.item_id)],
            ],
            actions,
            { caption: "Last actions" },
          )
        : empty("None is known: the user is new, or the consumer has not come so far."),
    ),
    h(
      "div",
      null,
      h("h3", null, "Features"),
      known ? values(features) : empty("None: the row is missing in the online store."),
    ),
  );
}

export function users({ id }) {
  const heading = h("div", { class: "heading" }, h("h1", null, id ? `User ${id}` : "User"));
  if (!id)
    return [heading, empty("Press / and type a user id: you see what every stage kept and removed for them, and why.")];
  const parts = (explained) => [
    summary(explained),
    h("h3", null, "Stages"),
    stages(explained),
    h("h3", null, "What they get"),
    explained.items.length ? items(explained) : empty("Nothing is left for this user."),
    history(explained),
  ];
  return [
    heading,
    h(
      "div",
      { class: "panels" },
      panel("Explained", asking(query("/api/explain", { user_id: id })), parts, {
        wide: true,
        note: "asked now; no impression is logged",
      }),
    ),
  ];
}
