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

// What this browser keeps, each value under a list of words. localStorage is simpler, but Chromium 156
// shows it empty to some pages of a folder, whose next verdict then took the place of all before it.
function browserStore() {
  const answered = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const opening = indexedDB.open("strokeprep", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("kept");
  const database = answered(opening);
  const reading = async () => (await database).transaction("kept").objectStore("kept");
  return {
    get: async (...key) => answered((await reading()).get(key)),
    all: async (...key) => answered((await reading()).getAll(IDBKeyRange.bound(key, [...key, []]))),
    async set(value, ...key) {
      const writing = (await database).transaction("kept", "readwrite"), kept = writing.objectStore("kept");
      if (value === null) kept.delete(key);
      else kept.put(value, key);
      writing.commit(); // at once, or leaving the page would undo it
      await new Promise((resolve, reject) => {
        writing.oncomplete = resolve;
        writing.onabort = () => reject(writing.error);
      });
    },
  };
}

// `home` is the address of the cohort's folder, relative to the page.
function verdictsOf(home) {
  const study = new URL(home, location).pathname;
  const server = study.match(/^\/review-[\w-]+\//)?.[0];
  const store = browserStore();
  let rater = "rater1", cases = {}, order = [];

  const file = async (more) => {
    const answer = await fetch(server + "verdicts.tsv", more);
    if (!answer.ok) throw new Error(await answer.text());
    return answer;
  };
  const ofServer = async () => {
    const answer = await file();
    rater = answer.headers.get("X-Rater");
    return read(await answer.text());
  };
  const ofBrowser = async () => {
    rater = await store.get(study, "rater") ?? rater;
    return store.all(study, "verdicts", rater);
  };
  const load = async () => {
    const rows = await (server ? ofServer() : ofBrowser()), found = {};
    for (const row of rows) (found[row.participant_id] ??= {})[row.step] = row;
    cases = found;
    order = await store.get(study, "order") ?? [];
  };
  const table = () => written(Object.values(cases).flatMap((steps) => Object.values(steps)));
  // What is read and written, one after another: what was read before a verdict must not take its place.
  let last = Promise.resolve();
  const inTurn = (work) => {
    const done = last.then(work);
    last = done.catch(() => {});
    return done;
  };
  const kept = {
    // Until this is done, nothing is known of what was said before.
    ready: inTurn(load),
    isServed: Boolean(server),
    get rater() { return rater; },
    switchTo: (name) => inTurn(async () => {
      await store.set(name, study, "rater");
      await load();
    }),
    // The verdicts on a case, by step.
    of: (name) => cases[name] ?? {},
    // One verdict in the place of the one before. Without a word in it, it is taken back.
    put: (row) => inTurn(async () => {
      const { participant_id: name, step } = row, said = row.verdict || row.note ? row : null;
      if (server) await file({ method: "POST", body: written([row]) });
      else await store.set(said, study, "verdicts", rater, name, step);
      if (said) (cases[name] ??= {})[step] = row;
      else delete cases[name]?.[step];
    }),
    // Tell of what another page of this browser, or the server, took in the meantime.
    follow(changed) {
      const read = async () => {
        const before = rater + table();
        await load();
        return rater + table() !== before;
      };
      // A store that fails is told of when the next verdict is given.
      const again = () => inTurn(read).then((news) => news && changed(), () => {});
      addEventListener("focus", again);
      addEventListener("pageshow", (event) => event.persisted && again());
    },
    // The pages in the order of the cohort's table, for going from case to case.
    get order() { return order; },
    async keepOrder(pages) {
      order = pages;
      await store.set(pages, study, "order");
    },
    save() {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([table()], { type: "text/tab-separated-values" }));
      link.download = `verdicts_${rater}.tsv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    },
  };
  return kept;
}
