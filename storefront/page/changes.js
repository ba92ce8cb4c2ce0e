// What differs between two rows of items.

/** `before` and `after` are items of answers; `moved` maps an item id to the places that it rose (negative: fell) among
 * the items that are in both. */
export function compare(before, after) {
  const earlier = new Set(ids(before));
  const later = new Set(ids(after));
  const places = new Map(ids(before).filter((id) => later.has(id)).map((id, place) => [id, place]));
  const stayed = ids(after).filter((id) => earlier.has(id));
  const rises = stayed.map((id, place) => [id, places.get(id) - place]);
  return {
    fresh: new Set(ids(after).filter((id) => !earlier.has(id))),
    gone: before.filter((item) => !later.has(item.item_id)),
    moved: new Map(rises.filter(([, rise]) => rise !== 0)),
  };
}

const ids = (items) => items.map((item) => item.item_id);

/** One sentence on the changes. */
export function told({ fresh, gone, moved }, named) {
  const parts = [];
  if (fresh.size) parts.push(`${fresh.size} new`);
  if (moved.size) parts.push(`${moved.size} moved`);
  if (gone.length) parts.push(`gone: ${gone.map(named).join(", ")}`);
  return parts.length ? parts.join(" · ") : "the row is the same";
}
