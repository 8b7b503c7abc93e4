// A few rows are laid out at first, more when the end of the table scrolls into view.
{
  const STEP = 120;
  const table = document.querySelector("#subjects table"), body = table.tBodies[0];
  const find = document.querySelector("input[type=search]"), judged = document.getElementById("judged");
  let most = STEP;

  const update = () => {
    const word = find.value.toLowerCase(), wanted = judged.value;
    let shown = 0;
    for (const row of body.rows) {
      row.fits = (!wanted || row.states?.has(wanted))
        && (!word || (row.text ??= row.textContent.toLowerCase()).includes(word));
      row.hidden = !row.fits || ++shown > most;
    }
    table.dispatchEvent(new Event("found"));
  };
  const anew = () => {
    most = STEP;
    update();
  };

  table.addEventListener("sorted", update);
  table.addEventListener("judged", update);
  find.addEventListener("input", anew);
  judged.addEventListener("input", anew);
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && most < body.rows.length) {
      most += STEP;
      update();
    }
  }, { rootMargin: "1500px" }).observe(document.getElementById("more"));
}
