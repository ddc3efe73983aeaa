// Dialogs without a script in the page: `data-opens="id"` opens one, `data-closes` closes the one that it is in.
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    const dialog = document.getElementById(opener.dataset.opens);
    dialog?.showModal();
    dialog?.querySelector("[autofocus]")?.focus();
    return;
  }
  if (event.target.closest("[data-closes]")) event.target.closest("dialog")?.close();
});

// What must not happen by accident wants its name typed.
document.addEventListener("input", (event) => {
  const field = event.target.closest("[data-must-equal]");
  if (!field) return;
  const button = field.form.querySelector("[data-needs-match]");
  if (button) button.disabled = field.value.trim() !== field.dataset.mustEqual;
});

// Some of the choices in a dialog sell: only those ask for the name.
document.addEventListener("change", (event) => {
  const choice = event.target.closest("[data-sells]");
  if (!choice) return;
  const form = choice.form;
  const part = form.querySelector("[data-when-selling]");
  part.hidden = !choice.dataset.sells;
  form.querySelector("[data-needs-match]").disabled = !part.hidden && form.elements.confirm.value.trim() !== form.elements.confirm.dataset.mustEqual;
  if (!part.hidden) form.elements.confirm.focus();
});

document.addEventListener("htmx:after:request", (event) => {
  const dialog = event.target.closest?.("dialog");
  if (dialog?.open && event.detail.ctx?.response?.status < 400) dialog.close();
});
