// Verdicts on the steps of a page, by mouse and by keyboard.
(async () => {
  const VIEWED = 0.5; // of the window's height: a step is looked at if it reaches above this
  const bar = document.getElementById("judge");
  const name = bar.dataset.case, kept = verdictsOf("../");
  const steps = [...document.querySelectorAll("section[data-version]")];
  const say = (text, failed = false) => {
    const said = bar.querySelector(".said");
    said.textContent = text;
    said.classList.toggle("failed", failed);
  };

  const rowOf = (section) => kept.of(name)[section.id] ?? {};
  const isNow = (section) => rowOf(section).version === section.dataset.version;
  const isJudged = (section) => isNow(section) && Boolean(rowOf(section).verdict);

  // A note alone leaves a verdict on a former version what it is.
  async function keep(section, changed) {
    const row = { participant_id: name, step: section.id, version: section.dataset.version,
      verdict: "", note: "", ...rowOf(section), ...changed };
    try {
      await kept.put(row);
      refresh();
    } catch (error) {
      refresh();
      say(`Not saved: ${error.message}`, true);
    }
  }

  // One after another, and all before the page is left: a server takes its time.
  let keeping = Promise.resolve(), waiting = 0;
  const judge = (section, changed) => {
    waiting += 1;
    keeping = keeping.then(() => keep(section, changed)).finally(() => { waiting -= 1; });
  };
  addEventListener("beforeunload", (event) => { if (waiting) event.preventDefault(); });
  const go = (to) => keeping.then(() => { location.href = to; });

  const give = (section, verdict) => judge(section, { verdict, version: section.dataset.version });

  for (const section of steps) {
    const box = document.createElement("div");
    box.className = "verdict";
    for (const verdict of VERDICTS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = verdict;
      button.addEventListener("click", () =>
        give(section, button.getAttribute("aria-pressed") === "true" ? "" : verdict));
      box.append(button);
    }
    const note = document.createElement("input");
    note.placeholder = "note";
    note.ariaLabel = "note";
    note.maxLength = LONGEST_NOTE;
    note.addEventListener("change", () => judge(section, { note: plain(note.value) }));
    note.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === "Escape") note.blur();
      event.stopPropagation();
    });
    box.append(note, document.createElement("span"));
    section.querySelector("h2").after(box);
    section.addEventListener("pointerdown", () => look(steps.indexOf(section), false));
  }

  function refresh() {
    for (const section of steps) {
      const row = rowOf(section), box = section.querySelector(".verdict");
      box.querySelectorAll("button").forEach((button) =>
        button.setAttribute("aria-pressed", isNow(section) && button.textContent === row.verdict));
      const note = box.querySelector("input");
      if (document.activeElement !== note) note.value = row.note ?? "";
      box.querySelector("span").textContent =
        row.verdict && !isNow(section) ? `was ${row.verdict}; the step was made again since` : "";
    }
    const done = steps.filter(isJudged).length;
    say(`${done} of ${steps.length} steps judged` + (done === steps.length ? ": j goes on" : ""));
    bar.dataset.done = done;
  }

  // The step that keys act on.
  let current = 0, placed = 0;
  function look(wanted, scrolled = true) {
    steps[current].classList.remove("current");
    current = wanted;
    steps[current].classList.add("current");
    // The header grows with the links in it, and must not hide the step's title.
    steps[current].style.scrollMarginTop = `${document.querySelector("header").offsetHeight + 12}px`;
    if (scrolled) steps[current].scrollIntoView({ block: "start" });
    placed = scrollY;
  }
  function follow() {
    if (Math.abs(scrollY - placed) < 2) return; // a key brought us here, as far as the page goes
    const top = document.querySelector("header").offsetHeight, low = innerHeight * VIEWED;
    const isSeen = (section) => {
      const frame = section.getBoundingClientRect();
      return frame.bottom > top && frame.top < low;
    };
    if (isSeen(steps[current])) return;
    const seen = steps.findIndex(isSeen);
    if (seen >= 0) look(seen, false);
  }

  function leave(away, isElsewhere = () => true) {
    const pages = kept.order, here = pages.findIndex((page) => location.pathname.endsWith("/" + page));
    const others = away > 0 ? pages.slice(here + 1) : pages.slice(0, Math.max(here, 0)).reverse();
    const to = others.find(isElsewhere);
    if (to) go("../" + to);
    else say(pages.length ? "No further case" : "Open the page of the cohort first: it knows the order of cases");
  }
  const isOther = (page) => !page.startsWith(name + "/");
  const step = (away) => (steps[current + away] ? look(current + away) : leave(away));
  const pictures = () => [...steps[current].querySelectorAll(".flick")];

  function judgeAndGoOn(verdict) {
    give(steps[current], verdict);
    if (steps[current + 1]) look(current + 1);
  }
  const keys = {
    g: () => judgeAndGoOn("good"),
    d: () => judgeAndGoOn("doubtful"),
    b: () => judgeAndGoOn("bad"),
    x: () => give(steps[current], ""),
    m: () => steps[current].querySelector(".verdict input").focus(),
    j: () => step(1),
    k: () => step(-1),
    n: () => leave(1, isOther),
    p: () => leave(-1, isOther),
    o: () => pictures().forEach((box) => box.querySelector("img.on").click()),
    i: () => pictures().forEach((box) => {
      const images = [...box.querySelectorAll("img")];
      show(box, (images.findIndex((image) => image.classList.contains("on")) + 1) % images.length);
    }),
    c: () => go("../index.html"),
    s: () => kept.save(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input") || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });

  if (!steps.length) return;
  try {
    await kept.ready;
  } catch (error) {
    say(`No verdicts can be given: ${error.message}`, true);
    return;
  }
  bar.querySelector(".rater").textContent = kept.rater;
  bar.querySelector("button").addEventListener("click", kept.save);
  kept.follow(refresh);
  addEventListener("scroll", follow, { passive: true });
  refresh();
  const begin = Math.max(steps.findIndex((section) => !isJudged(section)), 0);
  look(begin, begin > 0);
  bar.dataset.ready = true;
})();
