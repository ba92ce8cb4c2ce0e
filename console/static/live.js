// What runs, and how it answers now.

import { query } from "./ask.js";
import { empty, facts, h, table, tag } from "./dom.js";
import { count, duration, ms, percent, rate } from "./format.js";
import { asking, panel } from "./panel.js";
import { bar, sparkline } from "./plots.js";

const WINDOWS = { 60: "1 minute", 300: "5 minutes", 900: "15 minutes" };

const tile = (label, value, points, kind = "") =>
  h(
    "div",
    { class: `tile ${kind}` },
    h("span", null, label),
    h("strong", null, value),
    points ? sparkline(points, `${label}, trend`) : null,
  );

const over = (content) =>
  h("p", { class: "note" }, `Over the last ${duration(content.seconds)}; the line is the last 15 minutes.`);

const waiting = () => empty("The first figures come after two looks, in a few seconds.");

const advice = (row) =>
  row.state === "running" ? "" : [`${row.lost}; see `, h("code", null, `headwater logs ${row.name}`)];

function parts(rows) {
  const down = rows.filter((row) => row.state !== "running");
  return [
    h(
      "p",
      { class: down.length ? "verdict bad" : "verdict good" },
      down.length ? `${down.length} of ${rows.length} parts do not answer` : `All ${rows.length} parts answer`,
    ),
    table(
      [
        ["Part", (row) => [row.name, h("code", { class: "under" }, row.address)], "text"],
        ["State", (row) => tag(row.state, row.state === "running" ? "good" : "bad")],
        ["Answered in", (row) => ms(row.ms), "number"],
        ["Without it", advice, "text"],
      ],
      rows,
      { caption: "Parts" },
    ),
  ];
}

function answers(content) {
  const now = content.figures;
  if (now === null) return waiting();
  const trend = (name) => content.points.map((point) => point[name]);
  const codes = Object.entries(now.codes).map(([code, n]) =>
    tag(`${code}: ${count(n)}`, code.startsWith("5") ? "bad" : code.startsWith("4") ? "warn" : ""),
  );
  return [
    h(
      "div",
      { class: "tiles" },
      tile("Requests a second", rate(now.requests_per_second), trend("requests_per_second")),
      tile("Recommendation p50", ms(now.p50_ms), trend("p50_ms")),
      tile("Recommendation p95", ms(now.p95_ms), trend("p95_ms")),
      tile(
        "Degraded (worst stage)",
        percent(now.degraded_share),
        trend("degraded_share"),
        now.degraded_share > 0 ? "bad" : "",
      ),
      tile("User row hits", percent(now.hit_share), trend("hit_share")),
      tile("Stale user rows", percent(now.stale_share), null, now.stale_share > 0.1 ? "warn" : ""),
      tile("Failed requests", percent(now.failed_share), null, now.failed_share > 0 ? "bad" : ""),
    ),
    facts([
      ["Answers by status", codes.length ? codes : "none"],
      ["Item features", `${duration(now.item_features_age_seconds)} old`],
      [
        "Impressions waiting",
        `${count(now.impressions_waiting)} in memory, ${count(now.impressions_on_disk_bytes)} bytes on disk`,
      ],
    ]),
    over(content),
  ];
}

function stages(content) {
  const now = content.figures;
  if (now === null) return waiting();
  if (now.stages.length === 0) return empty("Nobody asked for a recommendation in this time.");
  const longest = Math.max(...now.stages.map((stage) => stage.p95_ms ?? 0)) || 1;
  return table(
    [
      ["Stage", (stage) => stage.stage],
      ["p50", (stage) => ms(stage.p50_ms), "number"],
      ["p95", (stage) => ms(stage.p95_ms), "number"],
      ["", (stage) => bar((stage.p95_ms ?? 0) / longest), "bars"],
      ["Fallback used", (stage) => count(now.degraded[stage.stage] ?? 0), "number"],
      ["Runs", (stage) => count(stage.count), "number"],
    ],
    now.stages,
    { caption: "Stages" },
  );
}

function freshness(content) {
  const now = content.figures;
  if (now === null) return waiting();
  const trend = (name) => content.points.map((point) => point[name]);
  const outages = Object.entries(now.outages).map(([name, n]) => tag(`${name}: ${count(n)}`, "bad"));
  return [
    h(
      "div",
      { class: "tiles" },
      tile("Lag, messages", count(now.lag), trend("lag"), now.lag > 1000 ? "warn" : ""),
      tile("Events a second", rate(now.events_per_second), trend("events_per_second")),
      tile("Event age p50", ms(now.age_p50_ms)),
      tile("Event age p95", ms(now.age_p95_ms), trend("age_p95_ms")),
    ),
    facts([
      ["Dead letters", `${count(now.dead_letters)} now, ${count(now.dead_letters_in_all)} since it started`],
      ["Batches given up", outages.length ? outages : "none"],
      ["Vectors behind", `${count(now.vectors_behind)} users`],
    ]),
    over(content),
  ];
}

export function live({ parameters }) {
  const seconds = parameters.get("seconds") in WINDOWS ? parameters.get("seconds") : "60";
  const options = Object.entries(WINDOWS).map(([value, text]) =>
    h("option", { value, selected: value === seconds }, text),
  );
  const change = (event) => (location.hash = `#/live?seconds=${event.target.value}`);
  const gateway = asking(query("/api/gateway", { seconds }));
  return [
    h(
      "div",
      { class: "heading" },
      h("h1", null, "Live"),
      h("label", null, "Over the last ", h("select", { change }, options)),
    ),
    h(
      "div",
      { class: "panels" },
      panel("Answers", gateway, answers, { every: 5 }),
      panel("Freshness", asking(query("/api/consumer", { seconds })), freshness, { every: 5 }),
      panel("Stages", gateway, stages, { every: 5 }),
      panel("Parts", asking("/api/parts"), parts, { every: 10 }),
    ),
  ];
}
