// Keeps the page fresh and sends its commands. The server renders; this only asks again and swaps what changed.
const REFRESH_MS = 5000;
const live = document.getElementById("live");
const trouble = document.getElementById("trouble");
const csrf = document.querySelector("meta[name=csrf-token]").content;
let shown = live.innerHTML;

function complain(text) {
  trouble.textContent = text;
  trouble.hidden = !text;
}

async function refresh() {
  // A command in flight owns its button: it is redrawn when the answer is there.
  if (document.hidden || live.querySelector("button:disabled")) return;
  try {
    const answer = await fetch(live.dataset.refresh);
    if (answer.status === 401) return location.assign("/login");
    if (!answer.ok) throw new Error(answer.statusText);
    draw(await answer.text());
    complain("");
  } catch {
    complain("The server does not answer; what you see is not fresh. Trying again.");
  }
}

function draw(html) {
  if (html === shown) return;
  const focused = document.activeElement?.closest("[data-command]");
  const selector = focused && `[data-account="${focused.dataset.account}"][data-command="${focused.dataset.command}"]`;
  live.innerHTML = shown = html;
  if (selector) live.querySelector(selector)?.focus();
}

async function post(path) {
  return fetch(path, { method: "POST", headers: { "X-CSRF-Token": csrf } });
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if ("logOut" in button.dataset) {
    await post("/api/v1/auth/logout");
    return location.assign("/login");
  }
  const { command, account } = button.dataset;
  if (!command) return;
  button.disabled = true;
  let refused = "";
  try {
    const answer = await post(`/api/v1/accounts/${encodeURIComponent(account)}/${command}`);
    if (!answer.ok) refused = (await answer.json()).detail;
  } catch {
    refused = "The server does not answer. Look at the state before trying again.";
  }
  button.disabled = false;
  await refresh();
  if (refused) complain(refused);
});

// An event says only that there is something new. It wakes the page at once; the timer is for what sends none.
const events = new EventSource("/api/v1/events");
let soon;
for (const kind of ["order", "fill"]) {
  events.addEventListener(kind, () => {
    clearTimeout(soon);
    soon = setTimeout(refresh, 100);
  });
}
setInterval(refresh, REFRESH_MS);
document.addEventListener("visibilitychange", refresh);
