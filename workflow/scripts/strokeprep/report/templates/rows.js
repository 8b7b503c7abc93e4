// A few rows are laid out at first, more when the end of the table scrolls into view.
{
  const STEP = 120;
  const table = document.querySelector("#subjects table"), body = table.tBodies[0];
  const find = document.querySelector("input[type=search]");
  let most = STEP;

  const update = () => {
    const word = find.value.toLowerCase();
    let shown = 0;
    for (const row of body.rows) {
      const fits = !word || row.textContent.toLowerCase().includes(word);
      row.hidden = !fits || ++shown > most;
    }
  };

  table.addEventListener("sorted", update);
  find.addEventListener("input", () => {
    most = STEP;
    update();
  });
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && most < body.rows.length) {
      most += STEP;
      update();
    }
  }, { rootMargin: "1500px" }).observe(document.getElementById("more"));
}
