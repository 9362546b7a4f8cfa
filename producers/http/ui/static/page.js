// Keeps every section with data-live up to date, except one that holds the keyboard focus: when a server-sent event
// tells that something has changed, the page is fetched anew.
"use strict";

const EVERY_MS = 4000;
const box = document.getElementById("live");

function busy(section) {
  const selection = document.getSelection();
  const selected = selection && !selection.isCollapsed && section.contains(selection.anchorNode);
  return section.contains(document.activeElement) || selected || section.querySelector("details[open]");
}

function renew(section, fresh) {
  const replacement = fresh.getElementById(section.id);
  if (!replacement) section.hidden = true;
  else if (!busy(section)) section.replaceWith(document.adoptNode(replacement));
}

async function look() {
  if (!box.checked || document.hidden) return;
  // Marked, since a sentence on what was done is for the page that the person sees next.
  const answer = await fetch(location.href, { credentials: "same-origin", headers: { "TQ-Look": "1" } });
  if (answer.redirected) location.reload();
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const section of fresh.querySelectorAll("[data-live]")) {
    const shown = document.getElementById(section.id);
    if (shown) shown.hidden = false;
    else addBefore(section, fresh);
  }
  for (const section of document.querySelectorAll("[data-live]")) renew(section, fresh);
}

// A section that was not there yet goes before the one that follows it.
function addBefore(section, fresh) {
  const all = [...fresh.querySelectorAll("main > [data-live]")];
  const next = all.slice(all.indexOf(section) + 1).find((one) => document.getElementById(one.id));
  if (next) document.getElementById(next.id).before(document.importNode(section, true));
}

async function tryToLook() {
  try {
    await look();
  } catch {
    // The entry point is away for a moment; the next look tells.
  }
}

// Without a stream (too many are open, a proxy that keeps them back), the page looks by itself.
let timer = 0;

function lookByItself(begin) {
  clearInterval(timer);
  timer = begin ? setInterval(tryToLook, EVERY_MS) : 0;
}

function listen() {
  const stream = new EventSource("/live");
  stream.onopen = () => lookByItself(false);
  stream.onmessage = tryToLook;
  stream.onerror = () => lookByItself(true);
  stream.addEventListener("end", () => {
    stream.close();
    location.reload();
  });
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}

if (box) {
  box.parentElement.hidden = false;
  document.addEventListener("visibilitychange", tryToLook);
  lookByItself(true);
  listen();
}
