// Figures and refusals in words.

const UNITS = [
  [86400, "d"],
  [3600, "h"],
  [60, "min"],
];

/** Seconds as a person says them: "0.4 s", "12 min", "3 d". */
export function age(seconds) {
  const [size, unit] = UNITS.find(([least]) => seconds >= least) ?? [1, "s"];
  return size === 1 && seconds < 10 ? `${seconds.toFixed(1)} s` : `${Math.round(seconds / size)} ${unit}`;
}

/** A name of ours as a person reads it. */
export const plain = (name) => name.replaceAll("_", " ");

/** What a refusal means for the person, and what happens next. */
export function refused({ status, message, retrySeconds }) {
  const next = retrySeconds ? ` Asking again in ${retrySeconds} s.` : "";
  if (status === 429) return `Too many requests.${next}`;
  if (status === 422) return `That is not accepted: ${message}.`;
  if (status === 404) return "This item is not in the catalogue any more.";
  return `${message[0].toUpperCase()}${message.slice(1)}.${next}`;
}
