// Shows what the chosen way of logging in takes, notes that a typed secret replaces the stored one, and asks before a form
// is sent whether it would arrive.
const form = document.querySelector("[data-connection-form]");
const mode = form?.elements[form.dataset.mode];

function show() {
  const chosen = mode.value || mode.options[0].text.replace("default: ", "");
  for (const field of form.querySelectorAll("[data-modes]")) {
    const isFilled = Boolean(form.elements[field.dataset.field].value);
    field.hidden = !isFilled && !field.dataset.modes.split(" ").includes(chosen);
  }
  for (const words of form.querySelectorAll(".modes [data-mode]")) words.hidden = words.dataset.mode !== chosen;
}

if (mode) {
  mode.addEventListener("change", show);
  show();
}
for (const button of form?.querySelectorAll("[data-without-script]") ?? []) button.hidden = true;

form?.addEventListener("input", (event) => {
  const choice = form.elements[`${event.target.name}:what`];
  if (choice && event.target.dataset.secret !== undefined) choice.value = event.target.value ? "replace" : "keep";
});

// A browser puts a page of its own in the place of a form that does not arrive, and all that was typed is gone.
const lost = form?.querySelector("[data-lost]");
let isAsking = false;
let isReached = false;

form?.addEventListener("submit", async (event) => {
  if (isReached) {
    isReached = false;
    return;
  }
  event.preventDefault();
  if (isAsking) return;
  isAsking = true;
  lost.hidden = true;
  isReached = await fetch(import.meta.url, { cache: "no-store" }).then(() => true, () => false);
  isAsking = false;
  lost.hidden = isReached;
  if (isReached) form.requestSubmit(event.submitter);
});
