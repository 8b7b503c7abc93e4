// Pictures in one place: a button shows its own, a click on the picture goes back to the one before.
function show(box, wanted) {
  const images = [...box.querySelectorAll("img")];
  const now = images.findIndex((image) => image.classList.contains("on"));
  if (wanted !== now) box.dataset.last = now;
  images.forEach((image, n) => image.classList.toggle("on", n === wanted));
  box.querySelectorAll("button").forEach((button, n) => button.setAttribute("aria-pressed", n === wanted));
}

document.querySelectorAll(".flick").forEach((box) => {
  const images = box.querySelectorAll("img");
  box.querySelectorAll("button").forEach((button, n) => button.addEventListener("click", () => show(box, n)));
  images.forEach((image, n) => image.addEventListener("click", () => {
    if (images.length > 1) show(box, Number(box.dataset.last ?? (n + 1) % images.length));
  }));
});
