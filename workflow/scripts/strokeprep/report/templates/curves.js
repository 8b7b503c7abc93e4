// The curve of any place of a perfusion map: tissue and its fit, artery and vein.
(async () => {
  const WIDTH = 560, HEIGHT = 190, LEFT = 52, FOOT = 34, TOP = 8, RIGHT = 150;
  const box = document.querySelector(".curves-of-cells");
  if (!box) return;
  const SVG = Object.assign(document.createElement("div"), { innerHTML: "<svg></svg>" }).firstChild.namespaceURI;
  const about = JSON.parse(box.querySelector("script").textContent);
  const canvas = box.querySelector("canvas"), pen = canvas.getContext("2d");
  const unpacked = (text) => new Int16Array(Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer);
  const numbers = unpacked(about.numbers), tissue = unpacked(about.tissue), shapes = unpacked(about.shapes);
  const frames = about.time.length, [width, height] = about.size;
  // The first picture of each figure of the section shows its map.
  const figures = [...document.querySelectorAll(`#${about.section} .flick`)].map((flick) => flick.querySelector("img"));
  const clamp = (value, size) => Math.min(Math.max(value, 0), size - 1);
  let map = 0;
  const at = [width >> 1, height >> 1, about.levels.length >> 1]; // column, row and panel

  function cell() {
    const place = [at[0], at[1], about.levels[at[2]], 1];
    const index = about.cells.slice(0, 3).map((row) => Math.round(row.reduce((sum, step, n) => sum + step * place[n], 0)));
    if (index.some((n, axis) => n < 0 || n >= about.shape[axis])) return -1;
    return numbers[(index[0] * about.shape[1] + index[1]) * about.shape[2] + index[2]];
  }
  const row = (all, number, step) => [...all.subarray(number * frames, (number + 1) * frames)].map((value) => value * step);
  function fitted(number) {
    const [entry, amplitude, offset] = about.fits[number];
    return row(shapes, entry, amplitude / 32767).map((value) => value + offset);
  }

  function element(name, attributes, text = "") {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  }
  function ticks(low, high) {
    const raw = (high - low) / 4, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((n) => n * power).find((each) => each >= raw);
    const first = Math.ceil(low / step), count = Math.floor(high / step) - first + 1;
    return Array.from({ length: count }, (_, n) => Number(((first + n) * step).toPrecision(6)));
  }
  function chart(label, lines) {
    const all = lines.flatMap((line) => line.values);
    const low = Math.min(0, ...all), high = Math.max(1, ...all), [start, end] = [about.time[0], about.time[frames - 1]];
    const x = (time) => LEFT + (time - start) / (end - start) * (WIDTH - LEFT - RIGHT);
    const y = (value) => HEIGHT - FOOT - (value - low) / (high - low) * (HEIGHT - FOOT - TOP);
    const svg = element("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, role: "img", "aria-label": label });
    const text = (words, left, top, anchor) => svg.append(
      element("text", { x: left, y: top, "text-anchor": anchor, "font-size": 12, fill: "currentColor" }, words));
    for (const value of ticks(low, high)) {
      svg.append(element("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value), stroke: "#d8dce2" }));
      text(String(value), LEFT - 6, y(value) + 4, "end");
    }
    for (const time of ticks(start, end)) text(String(time), x(time), HEIGHT - FOOT + 15, "middle");
    text("time (s)", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 4, "middle");
    const name = element("text", { transform: `translate(12 ${(HEIGHT - FOOT) / 2}) rotate(-90)`, "text-anchor": "middle",
      "font-size": 12, fill: "currentColor" }, label);
    svg.append(name);
    lines.forEach((line, n) => {
      const points = line.values.map((value, frame) => [x(about.time[frame]), y(value)]);
      if (line.dots) for (const [cx, cy] of points) svg.append(element("circle", { cx, cy, r: 2.2, fill: line.colour }));
      else svg.append(element("polyline", { points: points.join(" "), fill: "none", stroke: line.colour, "stroke-width": 2 }));
      svg.append(element("rect", { x: WIDTH - RIGHT + 12, y: TOP + 4 + 18 * n, width: 10, height: 10, fill: line.colour }));
      text(line.name, WIDTH - RIGHT + 27, TOP + 13 + 18 * n, "start");
    });
    return svg;
  }

  function draw() {
    const image = figures[map], number = cell(), side = about.edge * about.zoom;
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    pen.drawImage(image, 0, 0);
    pen.strokeStyle = about.colours.place;
    pen.lineWidth = 2;
    const [left, top] = [at[2] * about.pitch + (at[0] + 0.5) * about.zoom, (at[1] + 0.5) * about.zoom];
    pen.strokeRect(left - side / 2, top - side / 2, side, side);
    const measured = number < 0 ? [] : [
      { name: "tissue", colour: about.colours.tissue, values: row(tissue, number, about.step), dots: true },
      { name: "fit", colour: about.colours.fit, values: fitted(number) },
    ];
    const own = about.inputs?.[about.input[number]]; // of the cell's territory, if it has one
    const vessels = own ? [...about.vessels, own] : about.vessels;
    box.querySelector(".charts").replaceChildren(chart("tissue (HU)", measured), chart("vessels (HU)", vessels));
    box.querySelector("[role=status]").textContent = number < 0
      ? "No tissue here."
      : about.values.map((each) => `${each.name} ${each.each[number]} ± ${each.sd[number]} ${each.unit}`).join("; ");
    box.dataset.drawn = number;
    box.querySelectorAll("button").forEach((button, n) => button.setAttribute("aria-pressed", n === map));
  }

  canvas.addEventListener("click", (event) => {
    const frame = canvas.getBoundingClientRect();
    const scale = canvas.width / frame.width;
    const x = (event.clientX - frame.left) * scale, y = (event.clientY - frame.top) * scale;
    const panel = Math.floor(x / about.pitch);
    if (panel >= about.levels.length) return;
    at[0] = clamp(Math.floor((x - panel * about.pitch) / about.zoom), width);
    at[1] = clamp(Math.floor(y / about.zoom), height);
    at[2] = panel;
    draw();
  });
  const step = Math.round(about.edge);
  const moves = { ArrowLeft: [0, -step], ArrowRight: [0, step], ArrowUp: [1, -step], ArrowDown: [1, step], PageUp: [2, 1], PageDown: [2, -1] };
  canvas.addEventListener("keydown", (event) => {
    if (!moves[event.key]) return;
    event.preventDefault();
    const [axis, by] = moves[event.key];
    at[axis] = clamp(at[axis] + by, [width, height, about.levels.length][axis]);
    draw();
  });
  await Promise.all(figures.map((image) => image.decode()));
  figures.forEach((image, n) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = image.alt.split(":")[0];
    button.addEventListener("click", () => { map = n; draw(); });
    box.querySelector(".maps").append(button);
  });
  draw();
})();
