// Experiments: a page of the list, or one of them with its sequence over time.

import { ask, query } from "./ask.js";
import { confirmed, explained } from "./dialogs.js";
import { empty, facts, h, pager, table, tag } from "./dom.js";
import { change, count, percent, when } from "./format.js";
import { asking, panel } from "./panel.js";
import { intervals, sequence } from "./plots.js";

const PAGE = 25;
const STATUSES = ["draft", "running", "stopped", "promoted", "rolled_back", "futile", "inconclusive"];
const KINDS = {
  running: "good",
  promote: "good",
  promoted: "good",
  holds: "good",
  hold: "bad",
  breaks: "bad",
  rollback: "bad",
  rolled_back: "bad",
};

const state = (name) => tag(name.replaceAll("_", " "), KINDS[name] ?? "");

const address = (one) => `#/experiments/${encodeURIComponent(one)}`;

function list(parameters) {
  const [status, part] = [parameters.get("status") ?? "", parameters.get("part") ?? ""];
  const offset = Number(parameters.get("offset") ?? 0);
  const go = (changed) => (location.hash = query("#/experiments", { status, part, ...changed }));
  const options = [["", "every state"], ...STATUSES.map((name) => [name, name.replaceAll("_", " ")])];
  const submit = (event) => {
    event.preventDefault();
    go({ part: new FormData(event.target).get("part").trim() });
  };
  const filters = h(
    "form",
    { class: "filters", submit },
    h(
      "select",
      { "aria-label": "State", change: (event) => go({ status: event.target.value }) },
      options.map(([value, text]) => h("option", { value, selected: value === status }, text)),
    ),
    h("input", {
      type: "search",
      name: "part",
      value: part,
      placeholder: "Part of an id",
      "aria-label": "Part of an id",
      maxlength: "64",
    }),
    h("button", { type: "submit" }, "Find"),
  );
  const draw = (listed) => {
    if (listed.rows.length === 0)
      return empty(
        status || part ? "No experiment fits." : "No experiment yet: headwater experiment create declares one.",
      );
    return [
      table(
        [
          ["Experiment", (one) => h("a", { href: address(one.id) }, one.id)],
          ["State", (one) => state(one.status)],
          ["Hypothesis", (one) => one.hypothesis || "–", "text"],
          ["Arms", (one) => one.arms.map((arm) => `${arm.name} ${arm.release ?? "champion"}`).join(", "), "text"],
          ["Enrolled", (one) => percent(one.enrolled), "number"],
          ["Started", (one) => when(one.started_at)],
          ["Ended", (one) => when(one.ended_at)],
        ],
        listed.rows,
        { caption: "Experiments" },
      ),
      pager(listed, PAGE, (to) => query("#/experiments", { status, part, offset: to })),
    ];
  };
  const shown = panel(
    "Declared, newest first",
    asking(query("/api/experiments", { status, part, offset, limit: PAGE })),
    draw,
    { wide: true },
  );
  return [h("div", { class: "heading" }, h("h1", null, "Experiments"), filters), h("div", { class: "panels" }, shown)];
}

function actions(one, reload) {
  const path = `/api/experiments/${encodeURIComponent(one.id)}`;
  if (one.status === "draft") {
    const lines = [
      `${percent(one.traffic)} of users enter an arm, within a second`,
      ...one.arms.map((arm) => `${arm.name}: ${percent(arm.share)}, ${arm.release ?? "champion"}`),
      "arms and metric cannot change while it runs",
    ];
    const start = () => ask(`${path}/start`, { method: "POST" }).finally(reload);
    return h(
      "button",
      { type: "button", click: () => confirmed(`Start ${one.id}`, lines, { action: "Start", change: start }) },
      "Start…",
    );
  }
  if (one.status !== "running") return null;
  const lines = ["every user gets the champion again", "no decision is taken, and it cannot be started again"];
  const stop = (why) => ask(`${path}/stop`, { method: "POST", body: { why } }).finally(reload);
  return h(
    "button",
    {
      type: "button",
      class: "danger",
      click: () => explained(`Stop ${one.id}`, lines, { action: "Stop", change: stop, dangerous: true }),
    },
    "Stop…",
  );
}

function guardrails(rails) {
  if (rails.length === 0) return empty("None is declared.");
  const rows = rails.map((rail) => {
    const [lower, upper] = rail.lift_interval;
    const bounds = lower === null ? {} : { lower, upper };
    const kind = KINDS[rail.state] ?? "";
    return {
      label: rail.metric,
      marks: [{ estimate: rail.lift, ...bounds, kind, text: `${rail.state}, ${change(rail.lift)}` }],
      note: state(rail.state),
    };
  });
  return intervals(rows, { write: change, zero: true });
}

// Effects in groups of users, none in a look of an earlier version.
function segments(metrics) {
  const ready = (metrics.segments ?? []).filter((one) => one.lift_interval[0] !== null);
  if (ready.length === 0) return null;
  const mark = ({ lift, lift_interval: [lower, upper], users }) => ({
    estimate: lift,
    lower,
    upper,
    text: `${change(lift)} over ${count(users)} users`,
  });
  const rows = ready.map((one) => ({
    label: `${one.arm}, ${one.segment}`,
    marks: [mark(one)],
    note: change(one.lift),
  }));
  return [
    h("h3", null, "Groups of users: exploration, nothing is decided from it"),
    intervals(rows, { write: change, zero: true }),
  ];
}

function detail(admin) {
  return (one, reload) => {
    const { metrics } = one;
    const { comparison, decision } = metrics;
    const plots = Object.entries(metrics.looks).map(([arm, looks]) => [
      h("h3", null, `${comparison.metric}: ${arm} against control`),
      sequence(looks, { write: change, smallest: one.smallest_effect }),
    ]);
    return [
      h("p", null, state(one.status), " ", one.hypothesis),
      h("p", { class: "verdict" }, decision.reason, decision.at ? ` (${when(decision.at)})` : ""),
      h(
        "p",
        { class: "actions" },
        admin ? actions(one, reload) : null,
        h(
          "a",
          { href: `/experiments/${encodeURIComponent(one.id)}`, target: "_blank", rel: "noopener" },
          "Report for everyone",
        ),
      ),
      facts([
        ["Users as declared", comparison.srm.ok ? tag("yes", "good") : tag("no: sample-ratio mismatch", "bad")],
        ["p of the split", comparison.srm.p_value.toPrecision(3)],
        ["Enrolled", percent(one.enrolled)],
        ["Days", `${one.minimum_days} to ${one.maximum_days}`],
        ["Worth shipping from", change(one.smallest_effect)],
        ["Noise taken out", percent(comparison.cuped.variance_reduction)],
        ["Started", when(one.started_at)],
        ["Ended", when(one.ended_at)],
      ]),
      plots.length ? plots : empty("No look yet: the DAG analyze_experiments takes one a day."),
      plots.length
        ? h(
            "p",
            { class: "note" },
            "The band holds the true lift on every day at once; the dashed line is the smallest lift worth shipping.",
          )
        : null,
      h("h3", null, "Arms"),
      table(
        [
          ["Arm", (arm) => arm.name],
          ["Release", (arm) => h("code", null, arm.release ?? "champion")],
          ["Users", (arm) => count(arm.users), "number"],
          ["Shown", (arm) => count(arm.impressions), "number"],
          ["Clicked", (arm) => count(arm.clicks), "number"],
          ["Click rate", (arm) => percent(arm.ctr), "number"],
          ["Users who bought", (arm) => percent(arm.conversion_rate), "number"],
        ],
        metrics.arms,
        { caption: "Arms" },
      ),
      h("h3", null, "Guardrails"),
      guardrails(comparison.guardrails),
      segments(metrics),
      h("h3", null, "History"),
      table(
        [
          ["When", (line) => when(line.at)],
          ["What", (line) => line.change],
          ["By", (line) => line.who],
        ],
        one.history,
        { caption: "History" },
      ),
    ];
  };
}

export function experiments({ id, parameters, admin }) {
  if (!id) return list(parameters);
  const shown = panel(id, asking(`/api/experiments/${encodeURIComponent(id)}`), detail(admin), { wide: true });
  return [
    h("div", { class: "heading" }, h("h1", null, h("a", { href: "#/experiments" }, "Experiments"), " / ", id)),
    h("div", { class: "panels" }, shown),
  ];
}
