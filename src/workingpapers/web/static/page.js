// What the page does besides links and forms: marks without a reload, keys, live runs, colours, copying.
// Everything here also works without it, by the forms and links themselves.

const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const toast = one(".toast");
let toastTimer = 0;

function say(text) {
  toast.textContent = text;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (toast.textContent = ""), 4000);
}

async function post(form) {
  const answer = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form)),
    headers: { Accept: "application/json" },
  });
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.error?.message ?? `the page answered ${answer.status}`);
  return data;
}

// ---- a page that the browser kept shows marks as they were: ask again

addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// ---- votes, stars, read marks, notes

function showMark(form, on, shown) {
  const button = one("button", form);
  button.setAttribute("aria-pressed", on);
  one("[name=on]", form).value = on ? "0" : "1";
  const number = one(".number", form);
  if (number && shown !== undefined) {
    number.textContent = shown;
    const label = button.getAttribute("aria-label");
    button.setAttribute("aria-label", label.replace(/, \d+ votes?$/, `, ${shown} ${shown === 1 ? "vote" : "votes"}`));
  }
}

function showMarks(marks) {
  for (const form of all("form[data-mark]")) {
    if (!form.action.endsWith(`/papers/${marks.key}/${form.dataset.mark}`)) continue;
    if (form.dataset.mark === "vote") showMark(form, marks.voted, marks.votes);
    if (form.dataset.mark === "star") showMark(form, marks.starred);
    if (form.dataset.mark === "read") showMark(form, marks.read);
  }
  for (const card of all(`[data-key="${CSS.escape(marks.key)}"]`)) {
    card.classList.toggle("is-read", marks.read);
    showNote(card, marks.note);
  }
}

function showNote(card, text) {
  if (!card.matches(".card")) return;
  let note = one(".noted", card);
  if (!text) return note?.remove();
  if (!note) {
    note = document.createElement("p");
    note.className = "noted";
    note.innerHTML = "<b>Note</b> <span></span>";
    one(".meta", card).before(note);
  }
  one("span", note).textContent = text;
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!form.matches("form[data-mark], form[data-note]")) return;
  event.preventDefault();
  try {
    const marks = await post(form);
    showMarks(marks);
    if (form.matches("[data-note]")) {
      say(marks.note ? "Note saved." : "Note removed.");
      form.closest("dialog")?.close();
    }
  } catch (error) {
    say(`Not saved: ${error.message}`);
  }
});

// ---- keys

const papers = () => all(".card");
const current = () => one(".card.is-at") ?? document.activeElement?.closest?.(".card") ?? null;

function move(step) {
  const cards = papers();
  if (!cards.length) return;
  const at = cards.indexOf(current());
  const next = cards[Math.max(0, Math.min(cards.length - 1, at < 0 ? (step > 0 ? 0 : cards.length - 1) : at + step))];
  all(".card.is-at").forEach((card) => card.classList.remove("is-at"));
  next.classList.add("is-at");
  one(".title a", next).focus({ preventScroll: true });
  const box = next.getBoundingClientRect();
  if (box.top < 0 || box.bottom > innerHeight) next.scrollIntoView({ block: box.height > innerHeight ? "start" : "center" });
}

function press(verb) {
  const place = current() ?? one("[data-paper]");
  if (!place) return say(papers().length ? "Choose a paper with j and k first." : "There is no paper here.");
  const form = one(`form[data-mark="${verb}"]`, place);
  if (form) form.requestSubmit();
  else if (verb === "read" && one("form[data-mark]", place)) markRead(place);
  else say("Sign in first.");
}

async function markRead(card) {
  const form = document.createElement("form");
  form.action = `/papers/${card.dataset.key}/read`;
  form.innerHTML = `<input name="on" value="${card.matches(".is-read") ? 0 : 1}">`;
  try {
    const marks = await post(form);
    showMarks(marks);
    say(marks.read ? "Marked as read." : "Marked as unread.");
  } catch (error) {
    say(`Not saved: ${error.message}`);
  }
}

function note() {
  const card = current();
  const field = one("[data-paper] form[data-note] textarea");
  if (!card && field) return field.focus();
  if (!card) return say(papers().length ? "Choose a paper with j and k first." : "There is no paper here.");
  if (!one("form[data-mark]", card)) return say("Sign in first.");
  const dialog = one("dialog.note-dialog");
  const form = one("form", dialog);
  form.action = `/papers/${card.dataset.key}/note`;
  one("h2", dialog).textContent = one(".title", card).textContent;
  one("textarea", form).value = one(".noted span", card)?.textContent ?? "";
  dialog.showModal();
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  s: () => press("star"),
  v: () => press("vote"),
  r: () => press("read"),
  n: note,
  o: () => one(".title a", current() ?? document.createElement("div"))?.click(),
  "/": () => one("#q").select(),
  "?": () => one("dialog.keys-dialog").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const field = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (field) {
    if (event.key === "Escape" && !field.closest("dialog")) field.blur();
    return;
  }
  if (one("dialog[open]") || !keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
});

document.addEventListener("focusin", (event) => {
  const card = event.target.closest(".card");
  if (!card || card.matches(".is-at")) return;
  all(".card.is-at").forEach((other) => other.classList.remove("is-at"));
  if (event.target.matches(":focus-visible")) card.classList.add("is-at");
});

for (const button of all("button.keys")) {
  button.hidden = false;
  button.addEventListener("click", () => one("dialog.keys-dialog").showModal());
}
for (const dialog of all("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-close]")) dialog.close();
  });
}

// ---- dark and light

const themeButton = one("button.theme");
const isDark = () => getComputedStyle(document.documentElement).colorScheme === "dark" ||
  (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
themeButton.hidden = false;
themeButton.setAttribute("aria-pressed", isDark());
themeButton.addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  themeButton.setAttribute("aria-pressed", theme === "dark");
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // storage is closed: the choice lasts for this page
  }
});

// ---- copying

function copyable(block) {
  const frame = document.createElement("div");
  const button = document.createElement("button");
  frame.className = "copyable";
  button.className = "copy";
  button.type = "button";
  button.textContent = "Copy";
  block.replaceWith(frame);
  frame.append(block, button);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.textContent.trim());
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(block);
      button.textContent = "Press Ctrl C";
    }
    setTimeout(() => (button.textContent = "Copy"), 2500);
  });
}
all("pre:not(.log)").forEach(copyable);

// ---- the reader's own time zone

for (const field of all("input[data-zone]")) {
  if (!field.dataset.zone) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? field.value;
}

// ---- live runs

const duration = (seconds) =>
  seconds < 10 ? `${seconds.toFixed(1)} s`
  : seconds < 99.5 ? `${Math.round(seconds)} s`
  : seconds < 5970 ? `${Math.round(seconds / 60)} min`
  : `${(seconds / 3600).toFixed(1)} h`;

async function refresh(address, ...selectors) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const selector of selectors) {
    const [old, found] = [one(selector), one(selector, fresh)];
    if (!old || !found) continue;
    old.replaceWith(document.adoptNode(found));
    all("pre:not(.log)", found).forEach(copyable);
  }
}

function showProgress(job, run) {
  const part = (name, text) => {
    const place = one(`[data-part="${name}"]`, job);
    if (place && place.textContent !== text) place.textContent = text;
  };
  const status = one(".status", job);
  const where = run.position ? `, number ${run.position} in the queue` : "";
  const ending = run.status === "cancelled" && !run.finished ? ", ending" : "";
  status.className = `status ${run.status}`;
  if (status.textContent !== run.status + where + ending) status.textContent = run.status + where + ending;
  const plural = run.trials_total === 1 ? "trial" : "trials";
  part("trials", run.trials_total === null ? "" : `${run.trials_done} of ${run.trials_total} ${plural}`);
  part("seconds", run.seconds === null ? "" : duration(run.seconds));
  part("left", run.seconds_left === null ? "" : `about ${duration(run.seconds_left)} left`);
  const bar = one("progress", job);
  if (bar) {
    const under = run.trials.reduce((sum, trial) => sum + (trial.total ? trial.done / trial.total : 0), 0);
    bar.max = run.trials_total ?? 1;
    bar.value = Math.min(bar.max, run.trials_done + under);
  }
  one('[data-part="running"]', job)?.replaceChildren(
    ...run.trials.map((trial) => {
      const line = document.createElement("li");
      const what = document.createElement("span");
      const far = document.createElement("span");
      what.textContent = `Trial ${trial.number}${trial.text ? `: ${trial.text}` : ""}`;
      far.textContent = trial.total ? `${trial.done} of ${trial.total}` : "";
      far.className = "figures";
      line.append(what, far);
      return line;
    }),
  );
  const log = one('[data-part="log"]', job);
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
  part("log", run.log.join("\n") || "nothing yet");
  if (atEnd) log.scrollTop = log.scrollHeight;
}

// On a run's own page the end brings its verdicts; on its paper's page they take the place of the ones shown.
function watch() {
  const job = one("[data-events]");
  if (!job) return;
  const source = new EventSource(job.dataset.events);
  let seen = null;
  source.addEventListener("progress", (event) => {
    seen = JSON.parse(event.data);
    showProgress(one("#job"), seen);
  });
  source.addEventListener("end", async () => {
    source.close();
    const page = job.dataset.paper;
    if (!page) await refresh(location.href, "#job");
    else {
      await refresh(`/runs/${job.dataset.job}`, "#job .job-state");
      one("#job").removeAttribute("data-events");
      if (seen?.run) {
        const address = `${page}?run=${encodeURIComponent(seen.run)}`;
        await refresh(address, ".paper-main");
        history.replaceState(null, "", address);
      }
    }
    const status = one("#job .status");
    if (status) say(`Run ${job.dataset.job}: ${status.textContent}.`);
  });
}
watch();

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const onPaper = form.matches("[data-run]") || form.closest("#job[data-paper]");
  if (!onPaper) return;
  event.preventDefault();
  const button = one("button", form);
  const problem = one(".problem", form);
  button.disabled = true;
  if (problem) problem.hidden = true;
  try {
    await post(form);
    if (!form.matches("[data-run]")) return;  // a run that is cancelled says so itself
    const watched = one("[data-events]");
    if (watched) say("It waits in the queue.");
    else {
      await refresh(location.href, ".run-rail");
      watch();
    }
  } catch (error) {
    if (!problem) say(`That did not work: ${error.message}`);
    else {
      problem.textContent = error.message;
      problem.hidden = false;
    }
  } finally {
    button.disabled = false;
  }
});

const table = one("[data-watch]");
if (table) {
  const timer = setInterval(async () => {
    await refresh(table.dataset.watch, "table.runs");
    if (!one("[data-watch]")) clearInterval(timer);
  }, 2000);
}
