// Plots as inline SVG. Percentages of the width where lines suffice, pixels where a shape needs them.

import { h, responsive, svg } from "./dom.js";

export function sparkline(values, label) {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return h("div", { class: "spark" });
  const high = Math.max(...known) || 1;
  const step = 100 / (values.length - 1);
  const points = values.map((value, at) => (value === null ? null : `${at * step},${22 - (20 * value) / high}`));
  return svg(
    "svg",
    { class: "spark", viewBox: "0 0 100 24", preserveAspectRatio: "none", role: "img", "aria-label": label },
    svg("polyline", { points: points.filter((point) => point !== null).join(" ") }),
  );
}

export const bar = (share, kind = "") =>
  svg(
    "svg",
    { class: `bar ${kind}`, "aria-hidden": "true" },
    svg("rect", { width: `${Math.max(0, Math.min(1, share)) * 100}%`, height: "100%" }),
  );

// Round steps that cut [low, high] into about `parts`.
function ticks(low, high, parts = 4) {
  const rough = (high - low) / parts || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step / 1e6; at += step)
    found.push(Math.abs(at) < step / 1e6 ? 0 : at);
  return found;
}

function scale(values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  return { low: low - room, high: high + room, at: (value) => ((value - low + room) / (high - low + 2 * room)) * 100 };
}

// Rows are {label, marks: [{estimate, lower, upper, kind, bound, text}], note}. One scale for all; `zero` draws a line.
export function intervals(rows, { write, zero = false }) {
  const marks = rows.flatMap((row) => row.marks);
  const values = marks.flatMap((one) => [
    one.estimate,
    one.lower ?? one.estimate,
    one.upper ?? one.estimate,
    ...(one.bound === undefined ? [] : [one.bound]),
  ]);
  if (values.length === 0) return h("p", { class: "empty" }, "Nothing was measured.");
  const { low, high, at } = scale(zero ? [...values, 0] : values);
  const x = (value) => `${at(value)}%`;
  const grid = ticks(low, high);
  const lines = () =>
    grid.map((value) =>
      svg("line", { class: value === 0 && zero ? "zero" : "grid", x1: x(value), x2: x(value), y1: 0, y2: "100%" }),
    );

  function track(row) {
    const height = 8 + 14 * row.marks.length;
    const drawn = row.marks.map((one, place) => {
      const y = 11 + 14 * place;
      return svg(
        "g",
        { class: `mark ${one.kind ?? ""}` },
        svg("title", null, one.text),
        one.lower === undefined ? null : svg("line", { x1: x(one.lower), x2: x(one.upper), y1: y, y2: y }),
        svg("circle", { cx: x(one.estimate), cy: y, r: 4 }),
        one.bound === undefined
          ? null
          : svg("line", { class: "bound", x1: x(one.bound), x2: x(one.bound), y1: y - 6, y2: y + 6 }),
      );
    });
    const label = row.marks.map((one) => one.text).join("; ");
    return svg("svg", { height, role: "img", "aria-label": `${row.label}: ${label}` }, lines(), drawn);
  }

  const axis = svg(
    "svg",
    { height: 18, "aria-hidden": "true" },
    grid.map((value) => svg("text", { x: x(value), y: 13, "text-anchor": "middle" }, write(value))),
  );
  return h(
    "div",
    { class: "intervals" },
    rows.map((row) => [
      h("div", { class: "label" }, row.label),
      track(row),
      h("div", { class: "value" }, row.note ?? ""),
    ]),
    [h("div"), axis, h("div")],
  );
}

const HEIGHT = 240;
const MARGIN = { left: 64, right: 16, top: 12, bottom: 28 };

// Looks are {day, lift, lift_interval}: the lift with the band that holds at all days at once.
export function sequence(looks, { write, smallest }) {
  const ready = looks.filter((look) => look.lift_interval[0] !== null);
  if (ready.length === 0)
    return h("p", { class: "empty" }, "Too few users with complete windows for a comparison yet.");
  return responsive((width) => {
    const bounds = ready.flatMap((look) => look.lift_interval);
    const { low, high } = scale([...bounds, 0, smallest]);
    const [first, last] = [ready[0].day, Math.max(ready.at(-1).day, ready[0].day + 1)];
    const x = (day) => MARGIN.left + ((day - first) / (last - first)) * (width - MARGIN.left - MARGIN.right);
    const y = (lift) => MARGIN.top + ((high - lift) / (high - low)) * (HEIGHT - MARGIN.top - MARGIN.bottom);
    const level = (lift, kind) =>
      svg("line", { class: kind, x1: MARGIN.left, x2: width - MARGIN.right, y1: y(lift), y2: y(lift) });
    const point = (side) => (look) => `${x(look.day)},${y(look.lift_interval[side])}`;
    const days = ticks(first, last, Math.min(8, last - first)).filter(Number.isInteger);
    return svg(
      "svg",
      { width, height: HEIGHT, role: "img", "aria-label": `lift by day; on the last day ${write(ready.at(-1).lift)}` },
      ticks(low, high).map((lift) => [
        level(lift, "grid"),
        svg("text", { x: MARGIN.left - 8, y: y(lift) + 4, "text-anchor": "end" }, write(lift)),
      ]),
      days.map((day) => svg("text", { x: x(day), y: HEIGHT - 8, "text-anchor": "middle" }, `day ${day + 1}`)),
      svg("polygon", {
        class: "band",
        points: [...ready.map(point(1)), ...ready.toReversed().map(point(0))].join(" "),
      }),
      level(0, "zero"),
      smallest ? level(smallest, "bound") : null,
      svg("polyline", { class: "middle", points: ready.map((look) => `${x(look.day)},${y(look.lift)}`).join(" ") }),
      ready.map((look) =>
        svg(
          "circle",
          { class: "dot", cx: x(look.day), cy: y(look.lift), r: 3 },
          svg(
            "title",
            null,
            `day ${look.day + 1}: ${write(look.lift)} (${write(look.lift_interval[0])} to ${write(look.lift_interval[1])}), ${look.users} users`,
          ),
        ),
      ),
    );
  });
}
