// Distributions: a point for each subject, drawn when the plot scrolls into view, grave ones last.
{
  const WIDTH = 260, HEIGHT = 54, MARGIN = 8, RADIUS = 3, REACH = 8, SHARP = 2;
  const box = document.getElementById("points");
  const data = JSON.parse(box.textContent);
  const style = getComputedStyle(document.documentElement);
  const inks = ["--point", "--point-warn", "--point-fail"].map((name) => style.getPropertyValue(name));

  document.querySelectorAll(".plots canvas").forEach((canvas) => {
    const plot = data.plots[canvas.dataset.plot];
    const points = plot.points.map(([subject, value, grave, step], n) => ({ subject, value, grave, step, n }));
    const values = points.map((point) => point.value);
    const low = Math.min(...values), span = Math.max(...values) - low || 1;
    points.forEach((point) => {
      point.x = MARGIN + (point.value - low) / span * (WIDTH - 2 * MARGIN);
      point.y = 6 + point.n * 37 % 41 / 41 * (HEIGHT - 14); // scattered, the same each time
    });
    points.sort((a, b) => a.grave - b.grave);

    const nearest = (event) => {
      const frame = canvas.getBoundingClientRect();
      const x = event.clientX - frame.left, y = event.clientY - frame.top;
      let best = null, least = REACH ** 2;
      for (const point of points) {
        const far = (point.x - x) ** 2 + (point.y - y) ** 2;
        if (far <= least) [best, least] = [point, far];
      }
      return best;
    };

    const draw = () => {
      const pen = canvas.getContext("2d");
      pen.scale(SHARP, SHARP);
      for (const point of points) {
        pen.fillStyle = inks[point.grave];
        pen.beginPath();
        pen.arc(point.x, point.y, RADIUS, 0, 2 * Math.PI);
        pen.fill();
      }
      canvas.dataset.drawn = points.length;
    };

    new IntersectionObserver((entries, observer) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        observer.disconnect();
        draw();
      }
    }).observe(canvas);
    canvas.addEventListener("mousemove", (event) => {
      const point = nearest(event);
      canvas.title = point
        ? `${data.subjects[point.subject]}: ${plot.steps[point.step]} ${Number(point.value.toPrecision(4))}`
        : "";
    });
    canvas.addEventListener("click", (event) => {
      const page = data.pages[nearest(event)?.subject];
      if (page) location.href = page;
    });
  });
}
