// Shows what the chosen way of logging in takes, and notes that a typed secret replaces the stored one.
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
