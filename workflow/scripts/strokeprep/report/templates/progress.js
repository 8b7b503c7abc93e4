// How far people have judged the cases, what they said, and where they differ.
(async () => {
  const MOST_LISTED = 200;
  const { steps, cases } = JSON.parse(document.getElementById("steps").textContent);
  const table = document.querySelector("#subjects table"), body = table.tBodies[0];
  const box = document.querySelector(".review"), said = box.querySelector(".said"), field = box.querySelector(".rater");
  const kept = verdictsOf("./"), names = Object.keys(cases), opened = new Map();
  const rows = new Map([...body.rows].map((row) => [row.cells[0].textContent, row]));

  const say = (text, failed = false) => {
    said.textContent = text;
    said.classList.toggle("failed", failed);
  };
  const failed = (error) => say(error.message, true);
  const grouped = (list) => Map.groupBy(list, (row) => row.participant_id);

  // What each rater said of each step of a case: [step, rater, verdict, whether it is about what is there now].
  function verdicts(name, raters) {
    const versions = new Map(cases[name].versions.map(([n, version]) => [steps[n], version]));
    return raters.flatMap(([rater, of]) => of(name)
      .filter((row) => row.verdict && versions.has(row.step))
      .map((row) => ({ step: row.step, rater, verdict: row.verdict, isNow: row.version === versions.get(row.step) })));
  }

  function differing(found) {
    return [...Map.groupBy(found.filter((each) => each.isNow), (each) => each.step)]
      .filter(([, given]) => new Set(given.map((each) => each.verdict)).size > 1);
  }

  function stateOf(name, found) {
    const all = cases[name].versions.length;
    const own = found.filter((each) => each.rater === kept.rater && each.isNow).length;
    const count = (verdict) => new Set(found.filter((each) => each.verdict === verdict).map((each) => each.step)).size;
    const states = new Set([own === all ? "judged" : "open"]);
    for (const verdict of VERDICTS) if (count(verdict)) states.add(verdict);
    if (found.some((each) => !each.isNow)) states.add("again");
    const differ = differing(found);
    if (differ.length) states.add("differ");
    return { own, all, states, differ, bad: count("bad"), doubtful: count("doubtful") };
  }

  function fill(row, { own, all, states, differ, bad, doubtful }) {
    const cell = row.querySelector(".judged");
    const badges = [[bad, "bad", "fail"], [doubtful, "doubtful", "warn"], [differ.length, "differ", "none"]];
    cell.replaceChildren(`${own}/${all} `, ...badges.filter(([count]) => count).map(([count, word, kind]) => {
      const badge = document.createElement("span");
      badge.className = `badge ${kind}`;
      badge.textContent = `${count} ${word}`;
      return badge;
    }));
    cell.dataset.value = 1000 * bad + 10 * doubtful + own / all;
    row.states = states;
    row.text = undefined;
  }

  function line(rater, found, whole) {
    const own = found.filter((each) => each.rater === rater && each.isNow);
    const counts = VERDICTS.map((verdict) => `${own.filter((each) => each.verdict === verdict).length} ${verdict}`);
    const item = document.createElement("li");
    item.textContent = `${rater}: ${own.length} of ${whole} steps judged, ${counts.join(", ")}`;
    return item;
  }

  function listed(name, [step, given]) {
    const item = document.createElement("li"), link = document.createElement("a");
    link.href = cases[name].pages[0] ?? "";
    link.textContent = `${name} ${step}`;
    item.append(link, `: ${given.map((each) => `${each.rater} ${each.verdict}`).join(", ")}`);
    return item;
  }

  function refresh() {
    const raters = [[kept.rater, (name) => Object.values(kept.of(name))],
      ...[...opened].map(([rater, of]) => [rater, (name) => of.get(name) ?? []])];
    const found = new Map(names.map((name) => [name, verdicts(name, raters)]));
    const states = names.map((name) => [name, stateOf(name, found.get(name))]);
    for (const [name, state] of states) if (rows.has(name)) fill(rows.get(name), state);
    const all = [...found.values()].flat(), whole = states.reduce((sum, [, state]) => sum + state.all, 0);
    box.querySelector(".raters").replaceChildren(...raters.map(([rater]) => line(rater, all, whole)));
    const differ = states.flatMap(([name, state]) => state.differ.map((each) => [name, each]));
    box.querySelector("details").hidden = !opened.size;
    box.querySelector("summary").textContent = `${differ.length} steps on which raters differ`;
    box.querySelector(".differ").replaceChildren(...differ.slice(0, MOST_LISTED).map((each) => listed(...each)));
    const done = states.filter(([, state]) => state.all && state.states.has("judged")).length;
    say(`You judged ${done} of ${names.length} cases to the end`);
    table.dispatchEvent(new Event("judged"));
    box.dataset.done = done;
  }

  async function open(file) {
    const rater = file.name.replace(/^verdicts_|\.tsv$/g, ""), found = read(await file.text());
    if (rater !== kept.rater) opened.set(rater, grouped(found));
    else for (const row of found) await kept.put(row);
  }

  // The next page asks for the order that this one was shown in.
  let ordering = Promise.resolve();
  async function goOn() {
    await ordering;
    const row = [...body.rows].find((each) => each.fits && each.states?.has("open") && each.querySelector("a"));
    if (row) row.querySelector("a").click();
    else say("No case of this list is left to judge");
  }

  table.addEventListener("found", () => {
    ordering = kept.keepOrder([...body.rows].filter((row) => row.fits)
      .flatMap((row) => cases[row.cells[0].textContent]?.pages ?? []))
      .catch(failed);
  });
  field.addEventListener("change", () => {
    if (field.checkValidity()) kept.switchTo(field.value).then(refresh, failed);
  });
  box.querySelector("input[type=file]").addEventListener("change", async (event) => {
    try {
      for (const file of event.target.files) await open(file);
      refresh();
    } catch (error) {
      failed(error);
    }
  });
  box.querySelector(".on").addEventListener("click", goOn);
  box.querySelector(".save").addEventListener("click", kept.save);
  document.addEventListener("keydown", (event) => {
    const typed = event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input,select");
    const does = { n: goOn, s: kept.save }[event.key];
    if (!typed && does) does();
  });

  try {
    await kept.ready;
  } catch (error) {
    say(`No verdicts can be given: ${error.message}`, true);
    return;
  }
  field.value = kept.rater;
  field.disabled = kept.isServed;
  kept.follow(refresh);
  refresh();
})();
