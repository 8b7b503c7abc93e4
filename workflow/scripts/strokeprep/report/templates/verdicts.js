// What a person says of the steps. Kept in this browser, a rater and a study apart from others;
// strokeprep review --serve keeps them in its file instead.
const VERDICTS = ["good", "doubtful", "bad"], COLUMNS = ["participant_id", "step", "verdict", "version", "note"];
const LONGEST_NOTE = 500;

function written(rows) {
  const lines = rows.map((row) => COLUMNS.map((name) => row[name] || "n/a").join("\t"));
  return [COLUMNS.join("\t"), ...lines.sort(), ""].join("\n");
}

// The rows of a file as this page, or a spreadsheet, saved it.
function read(text) {
  const cells = (line) => line.split("\t").map((cell) => cell.replace(/^"(.*)"$/, "$1").replaceAll('""', '"'));
  const [heading, ...lines] = text.replace(/^\ufeff/, "").split(/\r?\n/).filter(Boolean).map(cells);
  if (!COLUMNS.every((name) => heading?.includes(name))) throw new Error("This file holds no verdicts.");
  return lines.map((line) => {
    const row = Object.fromEntries(heading.map((name, n) => [name, line[n] ?? ""]));
    for (const name of COLUMNS) if (row[name] === "n/a") row[name] = "";
    return row;
  });
}

// A note fits into one cell of a table.
function plain(note) {
  return note.replace(/[\s\x00-\x1f\x7f]+/g, " ").replaceAll('"', "'").trim().slice(0, LONGEST_NOTE);
}

// `home` is the address of the cohort's folder, relative to the page.
function verdictsOf(home) {
  const study = new URL(home, location).pathname;
  const server = study.match(/^\/review-[\w-]+\//)?.[0];
  const key = (...parts) => ["strokeprep", study, ...parts].join(" ");
  const got = (name, otherwise) => JSON.parse(localStorage.getItem(name) ?? "null") ?? otherwise;
  const set = (name, value) => localStorage.setItem(name, JSON.stringify(value));
  let rater = got(key("rater"), "rater1"), served = {};

  const file = async (more) => {
    const answer = await fetch(server + "verdicts.tsv", more);
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  };
  const byCase = (rows) => {
    const cases = {};
    for (const row of rows) (cases[row.participant_id] ??= {})[row.step] = row;
    return cases;
  };
  const kept = {
    // Until this is done, nothing is known of what was said before.
    ready: server ? file().then(async (answer) => {
      rater = answer.headers.get("X-Rater");
      served = byCase(read(await answer.text()));
    }) : Promise.resolve(),
    isServed: Boolean(server),
    get rater() { return rater; },
    set rater(name) { set(key("rater"), rater = name); },
    // The verdicts on a case, by step.
    of: (name) => (server ? served[name] : got(key(rater, name), null)) ?? {},
    // One verdict in the place of the one before. Without a word in it, it is taken back.
    async put(row) {
      if (server) await file({ method: "POST", body: written([row]) });
      const { participant_id: name, step } = row, steps = { ...kept.of(name), [step]: row };
      if (!row.verdict && !row.note) delete steps[step];
      if (server) served[name] = steps;
      else set(key(rater, name), steps);
    },
    all(cases) {
      return cases.flatMap((name) => Object.values(kept.of(name)));
    },
    // Every case that something was said of.
    cases() {
      const start = key(rater, "");
      return server ? Object.keys(served)
        : Object.keys(localStorage).filter((name) => name.startsWith(start)).map((name) => name.slice(start.length));
    },
    // The pages in the order of the cohort's table, for going from case to case.
    get order() { return got(key("order"), []); },
    set order(pages) { set(key("order"), pages); },
    save() {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([written(kept.all(kept.cases()))], { type: "text/tab-separated-values" }));
      link.download = `verdicts_${rater}.tsv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    },
  };
  return kept;
}
