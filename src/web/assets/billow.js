// Refreshes the page's live part while somebody looks at it. The page reads the same without.
// Amounts come formatted from the server; nothing is computed here.
"use strict";

const seconds = 20;
const live = () => document.querySelector("[data-live]");

async function refresh() {
  if (document.hidden || !live()) return;
  const response = await fetch(location.href, {
    headers: { accept: "text/html" },
    credentials: "same-origin",
    redirect: "error",
  });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const next = fresh.querySelector("[data-live]");
  // A page that asks to sign in again has no live part: the old figures stay, with their time.
  if (!next) return;
  const open = [...live().querySelectorAll("details")].map((part) => part.open);
  next.querySelectorAll("details").forEach((part, index) => { part.open = open[index] === true; });
  live().replaceWith(document.adoptNode(next));
}

if (live()) {
  setInterval(() => refresh().catch(() => {}), seconds * 1000);
  document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
}
