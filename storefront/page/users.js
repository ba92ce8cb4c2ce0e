// Users that this browser has shown before, newest first.

import { newId } from "./api.js";

const KEY = "headwater.users";
const KEPT = 6;

export const remembered = () => JSON.parse(localStorage.getItem(KEY) ?? "[]");

export function remember(userId) {
  const others = remembered().filter((one) => one !== userId);
  localStorage.setItem(KEY, JSON.stringify([userId, ...others].slice(0, KEPT)));
}

/** An id that Headwater has never met. */
export const newVisitor = () => `visitor-${newId().slice(0, 8)}`;
