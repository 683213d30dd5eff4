// What is wrong with the page as it is laid out, a line each: evaluated in the browser by browser_test.go.
(() => {
  const faults = [];
  const fault = (text) => { if (faults.length < 40) faults.push(text); };
  const name = (e) => {
    const of = e.closest("section[id]");
    return (of ? `#${of.id} ` : "") + e.tagName.toLowerCase() + (e.className.baseVal ?? e.className ? "." + (e.className.baseVal ?? e.className) : "") +
      ` "${e.textContent.trim().slice(0, 30)}"`;
  };
  const shown = (box) => box.width > 0 && box.height > 0;
  // Boxes that touch, or are off by what rounding makes of them, do not overlap.
  const overlap = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
  const apart = (elements, what, leading = 0) => {
    const boxes = elements.map((e) => [e, e.getBoundingClientRect()]).filter(([, box]) => shown(box)).map(([e, box]) => {
      const inset = leading * box.height;
      return [e, new DOMRect(box.x, box.y + inset, box.width, box.height - 2 * inset)];
    });
    boxes.forEach(([a, one], i) => boxes.slice(i + 1).forEach(([b, other]) => {
      if (overlap(one, other)) fault(`${what} overlap: ${name(a)} and ${name(b)}`);
    }));
    return boxes;
  };

  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > innerWidth) fault(`the page is ${document.documentElement.scrollWidth} wide and scrolls sideways in ${innerWidth}`);
  for (const parent of document.querySelectorAll("main, section, .figures, figure, details, .legend")) {
    for (const [e, box] of apart([...parent.children], "blocks")) {
      if (box.left < -1 || box.right > width + 1) fault(`${name(e)} reaches from ${box.left} to ${box.right} of ${width}`);
    }
  }

  // Colours, as the browser computed them: with alpha, over what lies behind.
  const parse = (color) => {
    const v = color.match(/[\d.]+/g).map(Number);
    return { rgb: v.slice(0, 3), alpha: v[3] ?? 1 };
  };
  const over = (front, alpha, back) => front.map((v, i) => v * alpha + back[i] * (1 - alpha));
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(luminance(a), luminance(b)) + 0.05) / (Math.min(luminance(a), luminance(b)) + 0.05);
  const known = new Map(); // what lies behind an element, and how opaque it is
  const behind = (e) => {
    if (!e) return { back: [255, 255, 255], opacity: 1 };
    if (!known.has(e)) {
      const style = getComputedStyle(e), layer = parse(style.backgroundColor), { back, opacity } = behind(e.parentElement);
      known.set(e, { back: over(layer.rgb, layer.alpha, back), opacity: opacity * Number(style.opacity) });
    }
    return known.get(e);
  };
  const background = behind(document.body).back;
  const seen = new Set();
  for (const e of document.querySelectorAll("body *")) {
    if (![...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim()) || !shown(e.getBoundingClientRect())) continue;
    const style = getComputedStyle(e), { rgb, alpha } = parse(e.closest("svg") ? style.fill : style.color), { back, opacity } = behind(e);
    const ratio = contrast(over(rgb, alpha * opacity, back), back);
    const key = `${rgb} ${alpha * opacity} ${back}`;
    if (ratio < 4.5 && !seen.has(key)) fault(`text ${name(e)} has a contrast of ${ratio.toFixed(2)}: ${key}`);
    seen.add(key);
  }
  const probe = document.body.appendChild(document.createElement("i"));
  for (const token of ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "heat"]) {
    probe.style.color = "";
    probe.style.color = `var(--${token})`;
    const ratio = contrast(parse(getComputedStyle(probe).color).rgb, background);
    if (!(ratio >= 3)) fault(`--${token} has a contrast of ${ratio.toFixed(2)}`);
  }
  probe.remove();

  let labels = 0, smallest = Infinity;
  for (const svg of document.querySelectorAll("svg")) {
    if (!svg.getAttribute("aria-label")?.trim()) fault(`${name(svg)} has no label`);
    const frame = svg.parentElement.getBoundingClientRect();
    if (!shown(frame)) continue;
    // A line's box is higher than its ink.
    for (const [e, box] of apart([...svg.querySelectorAll("text")], "labels of a figure", 0.15)) {
      labels++;
      smallest = Math.min(smallest, svg.getScreenCTM().a * parseFloat(getComputedStyle(e).fontSize));
      if (box.left < frame.left - 1 || box.right > frame.right + 1) fault(`the label ${name(e)} reaches out of its figure: ${box.left} to ${box.right} of ${frame.left} to ${frame.right}`);
      if (box.bottom > frame.bottom + 1 || box.top < frame.top - 1) fault(`the label ${name(e)} reaches above or below its figure`);
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  ids.filter((id, i) => ids.indexOf(id) !== i).forEach((id) => fault(`the id ${id} stands twice`));
  return { faults, labels, smallest, background: luminance(background), figures: document.querySelectorAll("figure").length };
})()
