// The releases, and the pointers between them.

import { ask, query } from "./ask.js";
import { SERIES, comparison, gate, id, outcome } from "./comparison.js";
import { explained } from "./dialogs.js";
import { empty, facts, fill, h, pager, table, tag } from "./dom.js";
import { count, day, when } from "./format.js";
import { asking, panel } from "./panel.js";

const PAGE = 20;

function promote(release, pointers, done) {
  const lines = [
    ["champion ", id(pointers.champion), " → ", id(release.id)],
    `data to ${day(release.data_to)}, ${count(release.items)} items, ranker ${release.ranker}`,
    ["gate: ", outcome(release.gate)],
    pointers.challenger === release.id ? "it stops being challenger" : "the challenger stays",
    "the gateway loads it beside the old one and swaps at once",
  ];
  const body = (why) => ({ why, seen: pointers.revision });
  const change = (why) => ask(`/api/releases/${release.id}/promote`, { method: "POST", body: body(why) }).finally(done);
  explained("Promote a release", lines, { action: "Promote", change });
}

function rollback(pointers, done) {
  const lines = [
    ["champion ", id(pointers.champion), " → ", id(pointers.previous)],
    "its files are checked first; the gateway loads it beside the present one and swaps at once",
  ];
  const change = (why) =>
    ask("/api/rollback", { method: "POST", body: { why, seen: pointers.revision } }).finally(done);
  explained("Roll back", lines, { action: "Roll back", change, dangerous: true });
}

function inForce(admin, done) {
  return (pointers) => [
    facts([
      ["Champion", id(pointers.champion)],
      ["Challenger", id(pointers.challenger)],
      ["Before it", id(pointers.previous)],
      ["Moves so far", count(pointers.revision)],
    ]),
    admin
      ? h(
          "button",
          {
            type: "button",
            class: "danger",
            disabled: pointers.previous === null,
            click: () => rollback(pointers, done),
          },
          "Roll back…",
        )
      : h("p", { class: "note" }, "A token of scope admin may promote and roll back."),
    table(
      [
        ["When", (line) => when(line.at)],
        ["What", (line) => `${line.kind} ${line.pointer}`],
        ["From", (line) => id(line.from_release)],
        ["To", (line) => id(line.to_release)],
        ["By", (line) => line.who],
        ["Why", (line) => line.why, "text"],
      ],
      pointers.audit,
      { caption: "Moves" },
    ),
  ];
}

export function releases({ parameters, admin }) {
  const offset = Number(parameters.get("offset") ?? 0);
  const chosen = new Map();
  const side = h("div");
  const redraw = () => fill(side, comparison([...chosen.values()]));
  redraw();
  const load = async () => ({
    listed: await ask(query("/api/releases", { offset, limit: PAGE })),
    pointers: await ask("/api/pointers").catch(() => null),
  });
  let first = true;

  function draw({ listed, pointers }, reload) {
    if (first && chosen.size === 0) {
      const wanted = listed.rows.filter((row) => [pointers?.champion, pointers?.challenger].includes(row.id));
      for (const row of [...wanted, ...listed.rows.filter((one) => !wanted.includes(one))].slice(0, 2))
        chosen.set(row.id, row);
      first = false;
    }
    for (const row of listed.rows) if (chosen.has(row.id)) chosen.set(row.id, row);
    redraw();
    const roles = (row) =>
      ["champion", "challenger"].filter((name) => pointers?.[name] === row.id).map((name) => tag(name, "good"));
    const pick = (row) => (event) => {
      if (event.target.checked && chosen.size < SERIES.length) chosen.set(row.id, row);
      else chosen.delete(row.id);
      event.target.checked = chosen.has(row.id);
      redraw();
    };
    const done = () => {
      reload();
      force.reload();
    };
    const act = (row) =>
      h(
        "button",
        {
          type: "button",
          disabled: pointers === null || pointers.champion === row.id,
          click: () => promote(row, pointers, done),
        },
        "Promote…",
      );
    return [
      pointers === null
        ? h("p", { class: "fault" }, "Which release is in force is not known: see the panel In force.")
        : null,
      Object.values(listed.broken).map((fault) => h("p", { class: "fault" }, fault)),
      listed.rows.length === 0
        ? empty("No release yet: headwater train makes one.")
        : table(
            [
              [
                "",
                (row) =>
                  h("input", {
                    type: "checkbox",
                    "aria-label": `Compare ${row.id}`,
                    checked: chosen.has(row.id),
                    change: pick(row),
                  }),
              ],
              ["Release", (row) => [id(row.id), " ", roles(row)]],
              ["Made", (row) => when(row.created_at)],
              ["Data to", (row) => when(row.data_to)],
              ["Gate", (row) => outcome(row.gate)],
              ["Ranker", (row) => row.ranker],
              ["Items", (row) => count(row.items), "number"],
              ["Parent", (row) => id(row.parent)],
              ...(admin ? [["", act]] : []),
            ],
            listed.rows,
            { caption: "Releases" },
          ),
      pager(listed, PAGE, (offset) => query("#/releases", { offset })),
      listed.refused.length
        ? [
            h("h3", null, "The last runs that the gate refused"),
            listed.refused.map((run) =>
              h("details", null, h("summary", null, id(run.run), ` data to ${when(run.data_to)}`), gate(run.run, run)),
            ),
          ]
        : null,
    ];
  }

  const list = panel("Releases", load, draw, { every: 15, wide: true });
  const force = panel(
    "In force",
    asking("/api/pointers"),
    inForce(admin, () => {
      force.reload();
      list.reload();
    }),
    { every: 15, wide: true },
  );
  return [
    h("div", { class: "heading" }, h("h1", null, "Releases")),
    h(
      "div",
      { class: "panels" },
      list,
      h("section", { class: "panel wide", "aria-label": "Side by side" }, h("h2", null, "Side by side"), side),
      force,
    ),
  ];
}
