// Small things that a form does by itself.
document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copies]");
  if (copy) {
    await navigator.clipboard?.writeText(document.getElementById(copy.dataset.copies).textContent.trim());
    copy.dataset.copied = "";
    return;
  }
  const all = event.target.closest("[data-ticks]");
  if (all) {
    for (const box of document.querySelectorAll(`input[name="${all.dataset.ticks}"]`)) box.checked = all.checked;
    count(all.dataset.ticks);
    return;
  }
  const box = event.target.closest("input[type=checkbox]");
  if (box) count(box.name);
});

function count(name) {
  const ticked = document.querySelectorAll(`input[name="${name}"]:checked`).length;
  for (const place of document.querySelectorAll(`[data-counts="${name}"]`)) {
    place.textContent = ticked;
    const button = place.closest("button");
    if (button) button.disabled = ticked === 0;
  }
}

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
