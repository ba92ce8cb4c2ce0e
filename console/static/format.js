// Figures and times as people read them. Times are UTC: the installation's clock, not the reader's.

const missing = "–";

const given = (write) => (value) => (value === null || value === undefined ? missing : write(value));

export const count = given((value) => Math.round(value).toLocaleString("en-GB"));

export const rate = given((value) => (value >= 100 ? count(value) : value.toFixed(value >= 10 ? 1 : 2)));

export const percent = given((value) => `${(value * 100).toFixed(value !== 0 && Math.abs(value) < 0.1 ? 2 : 1)} %`);

export const change = given((value) => `${value >= 0 ? "+" : "−"}${percent(Math.abs(value))}`);

export const metric = given((value) => value.toFixed(4));

export const signed = given((value) => `${value >= 0 ? "+" : "−"}${Math.abs(value).toFixed(4)}`);

export const ms = given((value) => {
  if (value >= 10_000) return duration(value / 1000);
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return `${value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)} ms`;
});

export const duration = given((seconds) => {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} h` : `${Math.round(seconds / 86_400)} days`;
});

export const when = given((text) => new Date(text).toISOString().slice(0, 16).replace("T", " "));

export const day = given((text) => new Date(text).toISOString().slice(0, 10));
