// What is known of the data.

import { query } from "./ask.js";
import { empty, fill, h, table, tag } from "./dom.js";
import { count, day, when } from "./format.js";
import { asking, panel } from "./panel.js";
import { bar } from "./plots.js";

const SHOWN = 50;

const more = (rows) =>
  rows.length > SHOWN ? h("p", { class: "note" }, `and ${count(rows.length - SHOWN)} more`) : null;

function quarantine(rows) {
  if (rows.length === 0) return empty("No row was refused.");
  const most = rows[0].rows;
  const examples = h("div", { "aria-live": "polite" });
  const show = (row) => {
    const load = asking(query("/api/quality/quarantine/examples", { table: row.table, reason: row.reason }));
    const draw = (found) =>
      table(
        [
          ["Field", (one) => one.field],
          ["Where", (one) => one.origin, "text"],
          ["What it said", (one) => h("code", null, one.payload), "text"],
        ],
        found,
        { caption: "Examples" },
      );
    fill(examples, panel(`${row.table}: ${row.reason}`, load, draw));
  };
  return [
    table(
      [
        ["Table", (row) => row.table],
        ["Reason", (row) => h("button", { type: "button", class: "link", click: () => show(row) }, row.reason), "text"],
        ["Field", (row) => row.field],
        ["Rows", (row) => count(row.rows), "number"],
        ["", (row) => bar(row.rows / most, "bad"), "bars"],
        ["Last", (row) => when(row.last)],
      ],
      rows.slice(0, SHOWN),
      { caption: "Quarantine" },
    ),
    more(rows),
    examples,
  ];
}

function dropped(rows) {
  if (rows.length === 0) return empty("The daily runs dropped nothing yet.");
  const most = rows[0].rows;
  return [
    table(
      [
        ["Run", (row) => h("code", null, row.run)],
        ["Rule", (row) => row.reason],
        ["Interactions", (row) => count(row.rows), "number"],
        ["Users", (row) => count(row.users), "number"],
        ["", (row) => bar(row.rows / most), "bars"],
      ],
      rows.slice(0, SHOWN),
      { caption: "Dropped by rule" },
    ),
    more(rows),
  ];
}

function dirty(rows) {
  if (rows.length === 0) return empty("No day got rows after it had ended.");
  return [
    table(
      [
        ["Table", (row) => row.table],
        ["Day", (row) => row.dirty_day],
        ["Times", (row) => count(row.rows), "number"],
        ["Last", (row) => when(row.last)],
      ],
      rows.slice(0, SHOWN),
      { caption: "Late days" },
    ),
    more(rows),
  ];
}

function drift(report) {
  if (report === null) return empty("No drift report yet: the DAG monitor_drift writes one a week.");
  const moved = report.figures.filter((figure) => figure.breach);
  const excess = (figure) => figure.effect / figure.bar;
  const figures = report.figures.toSorted((one, other) => other.breach - one.breach || excess(other) - excess(one));
  const verdict = moved.length
    ? `${moved.length} of ${figures.length} figures moved enough to act on`
    : `None of ${figures.length} figures moved enough to act on`;
  return [
    h("p", { class: moved.length ? "verdict bad" : "verdict good" }, verdict),
    h(
      "p",
      { class: "note" },
      `${day(report.current_from)} to ${day(report.current_to)} against ${day(report.reference_from)} to ${day(report.reference_to)}, champion `,
      h("code", null, report.champion),
    ),
    table(
      [
        ["Of", (figure) => figure.section],
        ["Figure", (figure) => figure.name, "text"],
        ["Measure", (figure) => figure.measure],
        ["Change", (figure) => figure.effect.toPrecision(3), "number"],
        ["Bar", (figure) => figure.bar.toPrecision(3), "number"],
        ["", (figure) => bar(excess(figure), figure.breach ? "bad" : ""), "bars"],
        ["", (figure) => (figure.breach ? tag("moved", "bad") : "")],
      ],
      figures.slice(0, SHOWN),
      { caption: "Drift" },
    ),
    more(figures),
  ];
}

// validations/SUITE/RUN/TIME/BATCH.html
const validated = (path) => path.split("/")[1] ?? path;

function reports(found) {
  const links = (root, pages, none, name = (path) => path) =>
    pages.length
      ? h(
          "ul",
          { class: "links" },
          pages.map((page) =>
            h(
              "li",
              null,
              h("a", { href: `${root}${page.path}`, target: "_blank", rel: "noopener" }, name(page.path)),
              " ",
              h("small", null, when(page.at)),
            ),
          ),
        )
      : empty(none);
  return [
    h("h3", null, "Drift and skew"),
    links("/reports/", found.pages, "No report yet."),
    h("h3", null, "Validations by Great Expectations"),
    links("/data-docs/", found.validations, "No validation yet: the daily run makes them.", validated),
  ];
}

export function quality() {
  return [
    h("div", { class: "heading" }, h("h1", null, "Data quality")),
    h(
      "div",
      { class: "panels" },
      panel("Quarantine", asking("/api/quality/quarantine"), quarantine, { note: "rows that broke their contract" }),
      panel("Dropped by rule", asking("/api/quality/dropped"), dropped, { note: "bots, repeats and others" }),
      panel("Late days", asking("/api/quality/dirty-days"), dirty, { note: "changed after they had ended" }),
      panel("Drift", asking("/api/quality/drift"), drift),
      panel("Reports", asking("/api/quality/reports"), reports),
    ),
  ];
}
