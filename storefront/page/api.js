// What the page asks of its own server. The browser holds no token.

/** Why there is no answer: `status` is 0 when the storefront itself does not answer. */
export class Refusal extends Error {
  constructor(status, detail, retrySeconds) {
    super(detail);
    this.status = status;
    this.retrySeconds = retrySeconds;
  }
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal(0, "The storefront does not answer", 2);
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => ({}));
  const retrySeconds = Number(response.headers.get("Retry-After")) || null;
  throw new Refusal(response.status, problem.detail ?? response.statusText, retrySeconds);
}

export const recommendations = (userId) => ask(`api/recommendations?${new URLSearchParams({ user_id: userId })}`);

export const similar = (itemId, count) => ask(`api/items/${encodeURIComponent(itemId)}/similar?count=${count}`);

/** A random id. With one of its own, an event that is sent again counts once. */
export const newId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export const send = (event) =>
  ask("api/events", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(event),
  });
