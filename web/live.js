// The page's one stream: says when it is lost, leads to the sign-in page when the session is over, and reads news out.
const ANNOUNCE_EVERY_MS = 5000;
const LOST_AFTER_MS = 12000;

const stream = document.getElementById("live");
const lost = document.getElementById("lost");
const announcer = document.getElementById("announcer");
let heardAt = Date.now();
let waiting = [];

function say(connected) {
  lost?.toggleAttribute("hidden", connected);
  document.documentElement.toggleAttribute("data-stale", !connected);
}

function announce() {
  if (announcer && waiting.length) {
    announcer.textContent = waiting.slice(-3).join(". ");
    waiting = [];
  }
}

if (stream) {
  stream.addEventListener("htmx:sse:error", (event) => {
    if (event.detail.status === 401) location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    if (!document.hidden) say(false);
  });
  for (const name of ["beat", "note", "point", "gone"]) {
    stream.addEventListener(name, () => {
      heardAt = Date.now();
      say(true);
    });
  }
  stream.addEventListener("gone", () => location.assign("/login"));
  stream.addEventListener("htmx:sse:before:message", () => {
    heardAt = Date.now();
    say(true);
  });
  stream.addEventListener("note", (event) => {
    const note = JSON.parse(event.detail.data);
    waiting.push(note.text);
    show(note);
  });
  stream.addEventListener("point", (event) => {
    document.dispatchEvent(new CustomEvent("tf:point", { detail: JSON.parse(event.detail.data) }));
  });
  stream.addEventListener("redraw", () => document.dispatchEvent(new CustomEvent("tf:redraw")));
  document.addEventListener("visibilitychange", () => {
    heardAt = Date.now();
  });
  setInterval(() => {
    if (!document.hidden && Date.now() - heardAt > LOST_AFTER_MS) say(false);
  }, 1000);
  setInterval(announce, ANNOUNCE_EVERY_MS);
}

function show(note) {
  const template = document.getElementById("note");
  const place = document.getElementById("toasts");
  if (!template || !place) return;
  const node = template.content.cloneNode(true).firstElementChild;
  node.querySelector("[data-text]").textContent = note.text;
  place.append(node);
  while (place.children.length > 4) place.firstElementChild.remove();
  setTimeout(() => node.remove(), 6000);
}

// What the server refused, or an answer that never came: said plainly, and gone when the next request succeeds.
document.addEventListener("htmx:error", () => {
  const trouble = document.getElementById("trouble");
  if (trouble) trouble.hidden = false;
});
document.addEventListener("htmx:after:request", () => {
  const trouble = document.getElementById("trouble");
  if (trouble) trouble.hidden = true;
});
