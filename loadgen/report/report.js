"use strict";
// Values under the pointer, or under the arrow keys; without this script a browser shows the titles itself.
const tip = document.getElementById("tip");
const show = (text, x, y) => {
  tip.textContent = text;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(4, Math.min(x + 12, innerWidth - box.width - 4)) + "px";
  tip.style.top = Math.max(4, y + 16 + box.height > innerHeight ? y - box.height - 12 : y + 16) + "px";
};
const hide = () => { tip.hidden = true; };
for (const svg of document.querySelectorAll("svg.plot")) {
  // How wide a label is depends on the fonts of the machine: one that would reach out of its drawing moves in.
  for (const text of svg.querySelectorAll("text")) {
    const box = text.getBBox(), beyond = box.x + box.width - svg.viewBox.baseVal.width;
    if (beyond > 0) text.setAttribute("x", box.x - beyond);
  }
  const hits = [...svg.querySelectorAll(".hit")];
  const texts = new Map(hits.map((hit) => {
    const title = hit.querySelector("title");
    title.remove();
    return [hit, title.textContent];
  }));
  let at = -1;
  const mark = (i) => {
    hits[at]?.classList.remove("at");
    at = i;
    hits[at]?.classList.add("at");
  };
  svg.addEventListener("pointermove", (e) => { texts.has(e.target) ? show(texts.get(e.target), e.clientX, e.clientY) : hide(); });
  svg.addEventListener("pointerdown", (e) => { if (texts.has(e.target)) show(texts.get(e.target), e.clientX, e.clientY); });
  svg.addEventListener("pointerleave", hide);
  svg.addEventListener("blur", () => { mark(-1); hide(); });
  svg.addEventListener("keydown", (e) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[e.key];
    if (e.key === "Escape") { mark(-1); hide(); }
    if (!step || hits.length === 0) return;
    e.preventDefault();
    mark(Math.max(0, Math.min(hits.length - 1, at < 0 ? (step > 0 ? 0 : hits.length - 1) : at + step)));
    const box = hits[at].getBoundingClientRect();
    show(texts.get(hits[at]), box.left + box.width / 2, box.top + box.height / 2);
  });
}
document.addEventListener("scroll", hide, { passive: true });
for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.text);
    } catch { // an old browser, or a page that may not: the text is selected, to copy by hand
      const range = document.createRange();
      range.selectNodeContents(button.previousElementSibling);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      return;
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  });
}
