// The picture's overlay as SVG. Every stroke has a dark casing, so that it is seen on any picture.

const SVG = "http://www.w3.org/2000/svg";
const COLOURS = ["#ffd400", "#35e0ff", "#ff8cf0", "#8dff5a", "#ffab3d", "#ffffff"];
const ARROW = 34;

function node(name, attributes, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

const pixels = (points, size) => points.map(([x, y]) => [x * size.width, y * size.height]);
const path = (points, closed) => `M${points.map((p) => p.map((v) => v.toFixed(1)).join(" ")).join("L")}${closed ? "Z" : ""}`;

/** A shape's visible part; `look` has its colour, text, form, and whether it is selected or wrong. */
function shapeNode(points, look, size) {
  const at = pixels(points, size);
  const group = node("g", { class: `shape ${look.bad ? "bad" : ""} ${look.selected ? "selected" : ""}`, style: `--colour:${look.colour}` });
  if (look.form === "point") {
    const [x, y] = at[0];
    const cross = `M${x - 12} ${y}H${x + 12}M${x} ${y - 12}V${y + 12}`;
    group.append(node("path", { class: "casing", d: cross }), node("path", { class: "stroke", d: cross }));
  } else {
    const d = path(at, look.form !== "line" && !look.open);
    const fill = look.form === "line" || look.open ? " open" : "";
    group.append(node("path", { class: `casing${fill}`, d }), node("path", { class: `stroke${fill}`, d }));
  }
  if (look.form === "line" && at.length === 2) group.append(...arrowNodes(at, look, size));
  if (look.text) group.append(labelNode(labelPlace(look.form, at, size), look.text, size));
  return group;
}

/** Where a label stands: in a zone's heart, at a line's start, beside a point. */
function labelPlace(form, at, size) {
  if (form === "line") return [at[0][0] + (at[0][0] < size.width / 2 ? 16 : -16), at[0][1] - 16];
  return form === "point" ? [at[0][0], at[0][1] - 24] : heart(at);
}

function labelNode([x, y], text, size) {
  const made = node("text", { class: "label", y: Math.min(Math.max(y, 14), size.height - 12) });
  made.textContent = text;
  made.setAttribute("x", x);
  made.dataset.place = x;
  return made;
}

/** The arrow from a line's middle to its right-hand side, which is "in", the point marked as its start, and the word. */
function arrowNodes([a, b], look, size) {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const long = Math.hypot(dx, dy) || 1;
  const [nx, ny] = [-dy / long, dx / long];
  const [mx, my] = middle(a, b);
  const tip = [mx + nx * ARROW, my + ny * ARROW];
  const head = [[tip[0] - nx * 11 - ny * 8, tip[1] - ny * 11 + nx * 8], tip, [tip[0] - nx * 11 + ny * 8, tip[1] - ny * 11 - nx * 8]];
  const d = `${path([[mx, my], tip])}${path(head)}`;
  const word = [tip[0] + nx * 14, tip[1] + ny * 14];
  return [
    node("path", { class: "casing open", d }),
    node("path", { class: "stroke open", d }),
    node("circle", { class: "start", cx: a[0], cy: a[1], r: 4 }),
    labelNode(word, look.inward, size),
  ];
}

/** Labels that would leave the picture are moved in; their width is known only once they are drawn. */
function keepLabelsInside(svg, size) {
  for (const label of svg.querySelectorAll(".label")) {
    const half = label.getComputedTextLength() / 2 + 6;
    const x = Math.min(Math.max(Number(label.dataset.place), half), Math.max(half, size.width - half));
    label.setAttribute("x", x.toFixed(1));
  }
}

/** The handles of the selected shape: its points, and for a zone the middles of its sides. */
function handleNodes(points, look, size) {
  const at = pixels(points, size);
  const made = look.middles
    ? at.map((point, k) => {
        const [x, y] = middle(point, at[(k + 1) % at.length]);
        const d = `M${x - 4} ${y}H${x + 4}M${x} ${y - 4}V${y + 4}`;
        return node("g", { class: "middle" }, node("circle", { cx: x, cy: y, r: 7 }), node("path", { d }));
      })
    : [];
  at.forEach(([x, y], k) => {
    if (k === look.point) made.push(node("circle", { class: "ring", cx: x, cy: y, r: 14 }));
    made.push(node("circle", { class: "handle", cx: x, cy: y, r: 8 }));
  });
  return made;
}

/** What the keyboard and a screen reader find: a shape and, once it is selected, its points, in the order of the list. */
function focusNodes(shape, look, size) {
  const at = pixels(shape.points, size);
  const closed = look.form !== "line" && look.form !== "point";
  const body = node("g", { tabindex: 0, role: "button", "data-key": `shape:${shape.id}`, "aria-label": look.spoken });
  body.append(
    look.form === "point"
      ? node("circle", { class: "touch", cx: at[0][0], cy: at[0][1], r: 20 })
      : node("path", { class: closed ? "touch area" : "touch", d: path(at, closed) }),
  );
  if (!look.selected || look.form === "point") return [body];
  const points = at.map(([x, y], k) =>
    node(
      "g",
      { tabindex: 0, role: "button", "data-key": `point:${shape.id}:${k}`, "aria-label": look.pointSpoken(k) },
      node("circle", { class: "touch point", cx: x, cy: y, r: 14 }),
    ),
  );
  return [body, ...points];
}
