// Shows the stages of a test as they end: JSON Lines, the same that the command line reads from the API.
const form = document.querySelector("[data-connection-form]");
const panel = document.querySelector("[data-live-test]");
const button = form?.querySelector("[data-test]");
const cancel = form?.querySelector("[data-cancel]");
const unheard = (form?.dataset.unheard ?? "").split(" ");
const slot = (name, place = panel) => place.querySelector(`[data-slot=${name}]`);
let running = null;

function mark(stage, state, word) {
  const item = panel.querySelector(`[data-stage="${CSS.escape(stage)}"]`);
  if (!item) return;
  item.dataset.state = state;
  slot("word", item).textContent = word;
}

function said(name, text) {
  slot(name).textContent = text ?? "";
}

// A page has fields where commands have options; whole commands stay. As the filter `hint` of the templates.
function inPage(hint) {
  if (!hint || hint.includes("qualytics ")) return hint ?? "";
  return hint.replace(/--([a-z]+(?:-[a-z]+)*)/g, (_, name) => name.replaceAll("-", " "));
}

function listed(texts) {
  slot("warnings").replaceChildren(...texts.map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
}

function clear() {
  panel.hidden = false;
  for (const item of panel.querySelectorAll("[data-stage]")) mark(item.dataset.stage, "waiting", "");
  // What was wrong before is told anew, but of what no test looks at.
  for (const field of form.querySelectorAll("[data-field]")) {
    if (unheard.includes(field.dataset.field)) continue;
    for (const note of field.querySelectorAll(".problem")) note.remove();
    for (const control of field.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
  }
  slot("result").hidden = true;
  said("state", "The test runs");
}

// At the control that a failure is about; the others say nothing.
function pointAt(name, text) {
  const field = form.querySelector(`[data-field="${CSS.escape(name)}"]`);
  if (!field || !text) return;
  const note = document.createElement("span");
  note.className = "problem";
  note.textContent = text;
  field.querySelector(".problems").append(note);
  field.hidden = false;
  form.elements[name]?.setAttribute?.("aria-invalid", "true");
}

function showReport(report, field) {
  for (const stage of report.stages) mark(stage.name, stage.ok ? "ok" : "failed", `${stage.ok ? "passed" : "failed"}, ${stage.ms} ms`);
  said("state", report.connected ? "Connected" : `Failed at ${report.stage} (${report.class})`);
  said("message", report.message);
  said("hint", report.hint ? `Hint: ${inPage(report.hint)}` : "");
  said("detail", report.detail);
  slot("detail").parentElement.hidden = !report.detail;
  listed(report.warnings);
  slot("result").hidden = false;
  if (field) pointAt(field, `The test failed here: ${report.message}. Hint: ${inPage(report.hint)}.`);
}

// No stage runs any more, whatever was heard last.
function halt(word) {
  for (const item of panel.querySelectorAll("[data-state=running]")) mark(item.dataset.stage, "waiting", word);
  if (form.elements._tested) form.elements._tested.value = "";
}

function showProblem(problem) {
  halt("");
  said("state", "The test did not run");
  said("message", problem.message);
  said("hint", problem.hint ? `Hint: ${inPage(problem.hint)}` : "");
  said("detail", "");
  slot("detail").parentElement.hidden = true;
  listed([]);
  slot("result").hidden = false;
  for (const one of problem.errors ?? []) pointAt(one.loc.slice(1).join("."), `${one.msg}.${one.hint ? ` Hint: ${inPage(one.hint)}.` : ""}`);
}

// What was tested stays in the page, without secrets, so that a save can say what changed since.
function keepTested() {
  if (!form.elements._tested) return;
  const values = {};
  const secrets = [];
  for (const [name, value] of new FormData(form)) {
    if (!value || name.startsWith("_") || unheard.includes(name)) continue;
    if (form.elements[name].dataset?.secret !== undefined) secrets.push(name);
    else values[name] = value.replaceAll("\r\n", "\n");
  }
  form.elements._tested.value = JSON.stringify(values);
  form.elements._tested_secrets.value = secrets.join(" ");
}

// Takes a line of the stream, and says whether it is the last of a whole one.
function take(line) {
  if (line.report) showReport(line.report, line.field);
  else if (line.problem) showProblem(line.problem);
  else if (line.ok === null) mark(line.stage, "running", "runs");
  else mark(line.stage, line.ok ? "ok" : "failed", `${line.ok ? "passed" : "failed"}, ${line.ms} ms`);
  return Boolean(line.report || line.problem);
}

async function readLines(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let isWhole = false;
  for (;;) {
    const { done, value } = await reader.read();
    const lines = (rest + (value ?? "")).split("\n");
    rest = lines.pop();
    for (const line of lines) isWhole = take(JSON.parse(line));
    if (done && isWhole) return;
    if (done) throw new Error("the stream ended before its report");
  }
}

function cancelled() {
  halt("cancelled");
  said("state", "Cancelled");
}

// What a page says of the connection beside the test is asked for anew once one has ended.
async function refresh() {
  const page = form.dataset.page && await pageAt(form.dataset.page);
  for (const part of page ? document.querySelectorAll("[data-fresh]") : []) {
    part.replaceWith(document.adoptNode(page.getElementById(part.id)));
  }
}

async function pageAt(address) {
  const answer = await fetch(address).catch(() => null);
  return answer?.ok && !answer.redirected ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
}

// Who has signed in anew in another tab has another session: its token stands in a page that is asked for now.
async function takeNewSession() {
  const found = (await pageAt(location.href))?.querySelector("[name=_csrf]");
  if (!found || found.value === form.elements._csrf.value) return false;
  for (const field of document.querySelectorAll("[name=_csrf]")) field.value = found.value;
  return true;
}

async function send() {
  const body = new URLSearchParams(new FormData(form));
  const headers = { Accept: "application/jsonl" };
  return fetch(button.formAction, { method: "POST", body, headers, signal: running.signal });
}

async function run(event) {
  event.preventDefault();
  if (running) return;
  running = new AbortController();
  clear();
  keepTested();
  cancel.hidden = false;
  try {
    let answer = await send();
    if (answer.status === 403 && await takeNewSession()) answer = await send();
    const kind = answer.headers.get("Content-Type") ?? "";
    if (kind.startsWith("application/jsonl")) await readLines(answer.body).then(refresh);
    else if (kind.includes("json") && answer.status !== 401) showProblem(await answer.json());
    else showProblem({ message: "the session has ended", hint: "sign in in another tab and test again; what was typed stays here" });
  } catch (error) {
    if (error.name === "AbortError") cancelled();
    else showProblem({ message: "the control plane broke off the test, or was not reached", hint: "what was typed stays here; try again" });
  } finally {
    running = null;
    if (document.activeElement === cancel) button.focus();
    cancel.hidden = true;
  }
}

button?.addEventListener("click", run);
cancel?.addEventListener("click", () => running?.abort());
form?.addEventListener("input", (event) => {
  const field = event.target;
  if (field.dataset.secret === undefined) return;
  const tested = form.elements._tested_secrets;
  tested.value = tested.value.split(" ").filter((name) => name !== field.name).join(" ");
});
