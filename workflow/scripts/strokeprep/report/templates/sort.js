// A click on a heading sorts its table, a second click turns the order; empty cells stay last.
function compare(a, b) {
  const x = parseFloat(a), y = parseFloat(b);
  return isNaN(x) || isNaN(y) ? a.localeCompare(b) : x - y;
}

function isEmpty(key) {
  return key === "" ? 1 : 0;
}

document.querySelectorAll("table").forEach((table) => {
  table.querySelectorAll("th[data-sort]").forEach((head) => head.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("th").forEach((each) => each.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const at = [...head.parentNode.children].indexOf(head);
    const rows = [...table.tBodies[0].rows].map((row) => {
      const cell = row.children[at];
      return [cell.dataset.value ?? cell.textContent, row];
    });
    rows.sort(([a], [b]) => isEmpty(a) - isEmpty(b) || (up ? compare(a, b) : -compare(a, b)));
    table.tBodies[0].append(...rows.map(([, row]) => row));
    table.dispatchEvent(new Event("sorted"));
  }));
});
