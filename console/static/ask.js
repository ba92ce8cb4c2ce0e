// Every question to the server. `signedOut` is told when nobody, or nobody any more, is signed in.

export const session = new EventTarget();

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export async function ask(path, { method = "GET", body } = {}) {
  const headers = { "X-Headwater-Console": "1" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Refused(0, "The console itself does not answer; this page goes on once it is back.");
  }
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => null);
  if (answer.ok) return content;
  if (answer.status === 401) session.dispatchEvent(new Event("signed-out"));
  throw new Refused(answer.status, content?.detail ?? `${answer.status} ${answer.statusText}`);
}

export const query = (path, parameters) => {
  const given = Object.entries(parameters).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
};
