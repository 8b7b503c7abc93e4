// Three planes through the volumes of a page, which come as mosaics of all their axial slices.
(async () => {
  const ZOOM = 3, OPACITY = 0.45;
  const box = document.querySelector(".viewer");
  if (!box) return;
  const about = JSON.parse(box.querySelector("script").textContent);
  const [nx, ny, nz] = about.shape;
  const css = (colour, alpha = 1) => `rgba(${colour.join(",")},${alpha})`;

  const unpacked = (image) => {
    const canvas = document.createElement("canvas");
    canvas.width = image.width;
    canvas.height = image.height;
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.drawImage(image, 0, 0);
    const pixels = pen.getImageData(0, 0, image.width, image.height).data;
    const voxels = new Uint8Array(nx * ny * nz);
    for (let k = 0; k < nz; k++) {
      const top = Math.floor(k / about.across) * ny, left = (k % about.across) * nx;
      for (let j = 0; j < ny; j++)
        for (let i = 0; i < nx; i++)
          voxels[i + nx * (j + ny * k)] = pixels[4 * ((top + j) * image.width + left + i)];
    }
    return voxels;
  };
  const load = (uri) => new Promise((done) => {
    const image = new Image();
    image.onload = () => done(unpacked(image));
    image.src = uri;
  });
  const loaded = {};
  const volume = async (kind, n) => (loaded[kind + n] ??= await load(about[kind][n].uri));

  const at = [nx >> 1, ny >> 1, nz >> 1]; // the cross: right to left, front to back, bottom to top
  let shown = 0, overlay = -1;
  // Of each plane: its axis, its size, its sides, and how its columns and rows map to voxels and back.
  const planes = [
    { name: "axial", axis: 2, size: [nx, ny], sides: ["R", "L"],
      voxel: (u, v) => [u, v, at[2]], cross: () => [at[0], at[1]] },
    { name: "coronal", axis: 1, size: [nx, nz], sides: ["R", "L"],
      voxel: (u, v) => [u, at[1], nz - 1 - v], cross: () => [at[0], nz - 1 - at[2]] },
    { name: "sagittal", axis: 0, size: [ny, nz], sides: ["A", "P"],
      voxel: (u, v) => [at[0], u, nz - 1 - v], cross: () => [at[1], nz - 1 - at[2]] },
  ];
  const clamp = (value, size) => Math.min(Math.max(value, 0), size - 1);

  for (const plane of planes) {
    const [width, height] = plane.size;
    const canvas = plane.canvas = box.querySelector("canvas." + plane.name);
    canvas.width = width * ZOOM;
    canvas.height = height * ZOOM;
    const pick = (event) => {
      if (event.buttons !== 1 && event.type !== "click") return;
      const frame = canvas.getBoundingClientRect();
      const u = Math.floor((event.clientX - frame.left) / frame.width * width);
      const v = Math.floor((event.clientY - frame.top) / frame.height * height);
      at.splice(0, 3, ...plane.voxel(clamp(u, width), clamp(v, height)));
      draw();
    };
    canvas.addEventListener("click", pick);
    canvas.addEventListener("mousemove", pick);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      at[plane.axis] = clamp(at[plane.axis] + Math.sign(event.deltaY), about.shape[plane.axis]);
      draw();
    }, { passive: false });
  }

  function slice(plane, grey, mask) {
    const [width, height] = plane.size;
    const pixels = new ImageData(width, height);
    for (let v = 0; v < height; v++)
      for (let u = 0; u < width; u++) {
        const [i, j, k] = plane.voxel(u, v), voxel = i + nx * (j + ny * k), pixel = 4 * (u + width * v);
        const tint = mask && mask[voxel] > 127 ? OPACITY : 0;
        for (let c = 0; c < 3; c++)
          pixels.data[pixel + c] = grey[voxel] * (1 - tint) + about.colours.overlay[c] * tint;
        pixels.data[pixel + 3] = 255;
      }
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    canvas.getContext("2d").putImageData(pixels, 0, 0);
    return canvas;
  }

  function mark(plane, pen) {
    const [width, height] = plane.size.map((size) => size * ZOOM);
    const [x, y] = plane.cross().map((n) => (n + 0.5) * ZOOM);
    pen.strokeStyle = css(about.colours.cross, 0.8);
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, height);
    pen.moveTo(0, y);
    pen.lineTo(width, y);
    pen.stroke();
    pen.fillStyle = css(about.colours.sides);
    pen.font = "bold 15px sans-serif";
    pen.fillText(plane.sides[0], 5, height / 2);
    pen.fillText(plane.sides[1], width - 16, height / 2);
  }

  async function draw() {
    const grey = await volume("volumes", shown);
    const mask = overlay < 0 ? null : await volume("overlays", overlay);
    for (const plane of planes) {
      const [width, height] = plane.size, pen = plane.canvas.getContext("2d");
      pen.imageSmoothingEnabled = true;
      pen.drawImage(slice(plane, grey, mask), 0, 0, width * ZOOM, height * ZOOM);
      mark(plane, pen);
    }
    box.dataset.drawn = at.join(",");
    press("volume", shown);
    press("overlay", overlay);
  }

  function press(kind, wanted) {
    box.querySelectorAll(`[data-${kind}]`).forEach((button) =>
      button.setAttribute("aria-pressed", Number(button.dataset[kind]) === wanted));
  }

  box.querySelectorAll("[data-volume]").forEach((button) => button.addEventListener("click", () => {
    shown = Number(button.dataset.volume);
    draw();
  }));
  box.querySelectorAll("[data-overlay]").forEach((button) => button.addEventListener("click", () => {
    const pressed = Number(button.dataset.overlay);
    overlay = overlay === pressed ? -1 : pressed;
    draw();
  }));
  await draw();
})();
