// The editor itself: what is drawn, what is selected, the pointer, the keyboard, the history, and the list under the picture.

const REACH = { mouse: 14, pen: 18, touch: 24 };
const TAP = 8;
const STEP = 0.005;
const STRIDE = 0.05;
const PAUSE_MS = 400;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ICONS = {
  draw: "M4 20l4-1 11-11-3-3L5 16zM13 7l3 3",
  finish: "M4 12l5 6L20 6",
  cancel: "M5 5l14 14M19 5L5 19",
  undo: "M9 5L4 10l5 5M4 10h10a6 6 0 0 1 0 12h-3",
  redo: "M15 5l5 5-5 5M20 10H10a6 6 0 0 0 0 12h3",
  flip: "M8 3v16M4 15l4 5 4-5M16 21V5M12 9l4-5 4 5",
  add_corner: "M12 5v14M5 12h14",
  duplicate: "M8 8h12v12H8zM4 16V4h12",
  delete: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v6M14 11v6",
};

function html(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

class Editor {
  constructor(root) {
    this.root = root;
    this.edition = null;
    this.next = 1;
    this.stage = html("div", { class: "stage" });
    this.image = html("img", { alt: "", draggable: "false" });
    this.svg = node("svg", { role: "group", tabindex: -1 });
    this.bar = html("div", { class: "bar", role: "toolbar" });
    this.hint = html("p", { class: "hint" });
    this.status = html("p", { class: "status", role: "status", "aria-live": "polite" });
    this.list = html("ul", { class: "list" });
    this.stage.append(this.image, this.svg);
    root.replaceChildren(this.bar, this.hint, this.stage, this.status, this.list);
    this.image.addEventListener("load", () => this.layout());
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerup", (event) => this.release(event));
    this.svg.addEventListener("pointercancel", () => this.letGo());
    this.svg.addEventListener("mousedown", (event) => event.preventDefault());
    this.svg.addEventListener("focusin", (event) => this.focused(event.target.closest("[data-key]")));
    root.addEventListener("keydown", (event) => this.key(event));
    this.watch = new ResizeObserver(() => this.layout());
    this.watch.observe(root);
  }

  /** Take what Python says. Its shapes count only where they come from elsewhere: then they are drawn anew, with nothing to undo. */
  update({ data, setStateValue }) {
    Object.assign(this, { form: data.form, most: data.most, fresh: data.fresh, words: data.words, fields: data.fields, names: data.names });
    this.quad = data.quad;
    this.send = setStateValue;
    const colour = getComputedStyle(this.root).getPropertyValue("--st-background-color");
    this.root.getRootNode().host?.toggleAttribute("data-dark", isDark(colour));
    if (this.edition !== data.edition) {
      this.edition = data.edition;
      this.shapes = data.shapes.map((shape) => ({ ...shape, id: this.next++ }));
      Object.assign(this, { past: [], future: [], selected: null, point: null, pending: null, hover: null });
      Object.assign(this, { drag: null, sent: null, merge: null });
      this.listed = null;
      this.tell("");
    }
    if (this.picture !== data.picture) {
      this.picture = data.picture;
      this.image.hidden = !data.picture;
      this.stage.classList.toggle("blank", !data.picture);
      if (data.picture) this.image.src = data.picture;
      else this.image.removeAttribute("src");
    }
    if (this.worded !== JSON.stringify(data.words)) {
      this.worded = JSON.stringify(data.words);
      this.listed = null;
      this.buildBar();
    }
    this.layout();
  }

  close() {
    this.watch.disconnect();
    this.flush();
  }

  say(key, values = {}) {
    return this.words[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  tell(text) {
    this.status.textContent = text;
  }

  refuse(code) {
    this.tell(this.say("refused", { reason: this.say(code) }));
  }

  get single() {
    return this.most === 1;
  }

  shape(id = this.selected) {
    return this.shapes.find((one) => one.id === id);
  }

  corners() {
    return this.form === "polygon" && !this.quad;
  }

  // --- history -------------------------------------------------------------------------------------------------------------------------

  /** Take new shapes; `merge` names a run of small steps that one undo takes back together. */
  commit(shapes, merge = null) {
    if (merge === null || this.merge !== merge) this.past.push(this.shapes);
    this.merge = merge;
    this.future = [];
    this.shapes = shapes;
    this.tell("");
    this.draw();
    clearTimeout(this.timer);
    if (merge === null) this.flush();
    else this.timer = setTimeout(() => this.flush(), PAUSE_MS);
  }

  /** Send what is drawn to Python, if it is not there already. Floor points without metres stay here. */
  flush() {
    clearTimeout(this.timer);
    const whole = this.shapes.filter((one) => this.form !== "point" || one.floor);
    const shapes = whole.map(({ points, rest, floor }) => ({ points, rest, floor }));
    const text = JSON.stringify(shapes);
    if (text !== this.sent && this.past.length + this.future.length > 0) {
      this.sent = text;
      this.send("drawn", { edition: this.edition, shapes });
    }
  }

  back(from, to) {
    if (!from.length) return;
    to.push(this.shapes);
    this.shapes = from.pop();
    this.merge = null;
    if (!this.shape()) this.select(null);
    this.tell("");
    this.draw();
    this.flush();
  }

  select(id, point = null) {
    this.selected = id;
    this.point = point;
    this.merge = null;
  }

  change(id, points, merge = null) {
    this.commit(this.shapes.map((one) => (one.id === id ? { ...one, points } : one)), merge);
  }

  // --- what the buttons do -------------------------------------------------------------------------------------------------------------

  startDrawing(byKeyboard) {
    if (byKeyboard) {
      this.add(standardPoints(this.form, this.single ? 0 : this.shapes.length), true);
      return;
    }
    this.select(null);
    Object.assign(this, { pending: [], hover: null });
    this.tell("");
    this.draw();
    this.svg.focus({ preventScroll: true });
  }

  stopDrawing() {
    Object.assign(this, { pending: null, hover: null, drag: null });
    this.tell("");
    this.draw();
  }

  /** Add a shape unless something is wrong with it; one that there may be only once takes the old one's place. */
  add(points, byKeyboard = false) {
    const code = faultOf(this.form, points);
    if (code) {
      this.refuse(code);
      if (this.form !== "polygon") this.pending = [];
      this.draw();
      return;
    }
    const made = { id: this.next++, points, rest: this.fresh && { ...this.fresh }, floor: null };
    Object.assign(this, { pending: null, hover: null });
    this.select(made.id, byKeyboard && this.form !== "point" ? 0 : null);
    this.commit(this.single ? [made] : [...this.shapes, made]);
    if (this.form === "point" && !byKeyboard) this.list.querySelector(`[data-key="field:${made.id}:x"]`)?.focus();
    else this.focusKey(this.point === null ? `shape:${made.id}` : `point:${made.id}:0`);
  }

  finishZone() {
    if (this.pending) this.add(rounded(this.pending));
  }

  flip() {
    const shape = this.shape();
    if (shape && this.form === "line") this.change(shape.id, [...shape.points].reverse());
  }

  /** Copy the selected shape beside itself: by its width, or as far as it lies from the one that it was copied from. */
  duplicate() {
    const shape = this.shape();
    if (!shape || this.single) return;
    const xs = shape.points.map((p) => p[0]);
    const source = this.shapes.find((one) => one.id === shape.from);
    const by = source
      ? [shape.points[0][0] - source.points[0][0], shape.points[0][1] - source.points[0][1]]
      : [Math.max(Math.max(...xs) - Math.min(...xs), this.form === "box" ? 0 : 0.04), this.form === "box" ? 0 : 0.04];
    const points = shape.points.map(([x, y]) => [x + by[0], y + by[1]]);
    if (points.some((point) => point.some((v) => v < -1e-9 || v > 1 + 1e-9))) {
      this.refuse("no_room");
      return;
    }
    const made = { ...shape, id: this.next++, points: rounded(points), rest: this.copied(shape.rest), from: shape.id, floor: null };
    this.select(made.id);
    this.commit([...this.shapes, made]);
    this.focusKey(`shape:${made.id}`);
  }

  /** The keys of a copy: all but the name. */
  copied(rest) {
    if (!rest) return rest;
    const { name, ...others } = rest;
    return others;
  }

  addCorner(k = this.point) {
    const shape = this.shape();
    if (!shape || !this.corners() || k === null) return;
    const points = [...shape.points];
    points.splice(k + 1, 0, rounded([middle(points[k], points[(k + 1) % points.length])])[0]);
    this.select(shape.id, k + 1);
    this.change(shape.id, points);
    this.focusKey(`point:${shape.id}:${k + 1}`);
  }

  /** Delete the chosen corner of a zone that has corners to spare, else the shape. */
  remove() {
    const shape = this.shape();
    if (!shape) return;
    if (this.corners() && this.point !== null && shape.points.length > 3) {
      const points = shape.points.filter((_, k) => k !== this.point);
      const code = faultOf(this.form, points);
      if (code && !faultOf(this.form, shape.points)) return void this.refuse(code);
      const k = Math.min(this.point, points.length - 1);
      this.select(shape.id, k);
      this.change(shape.id, points);
      return void this.focusKey(`point:${shape.id}:${k}`);
    }
    const place = this.shapes.indexOf(shape);
    const rest = this.shapes.filter((one) => one !== shape);
    this.select(rest.length ? rest[Math.min(place, rest.length - 1)].id : null);
    this.commit(rest);
    if (this.selected === null) this.bar.querySelector(".main").focus();
    else this.focusKey(`shape:${this.selected}`);
  }

  // --- pointer -------------------------------------------------------------------------------------------------------------------------

  /** Where a pointer is, in shares, never outside the picture. */
  place(event) {
    const area = this.svg.getBoundingClientRect();
    return [share((event.clientX - area.left) / area.width), share((event.clientY - area.top) / area.height)];
  }

  near(a, b, reach) {
    return Math.hypot((a[0] - b[0]) * this.size.width, (a[1] - b[1]) * this.size.height) <= reach;
  }

  press(event) {
    if (event.button > 0 || this.drag) return;
    const at = this.place(event);
    const reach = REACH[event.pointerType] ?? REACH.mouse;
    this.svg.setPointerCapture(event.pointerId);
    if (this.pending) {
      this.drag = { drawing: true, from: at, reach };
      if (this.form !== "polygon" && this.form !== "point" && !this.pending.length) this.pending = [at];
      this.hover = at;
      return void this.draw();
    }
    const target = this.hit(event, at, reach);
    if (!target) {
      this.select(null);
      return void this.draw();
    }
    const shape = this.shape(target.id);
    this.drag = { ...target, from: at, points: shape.points, before: this.shapes, moved: false };
    if (target.middle !== undefined) {
      const points = [...shape.points];
      points.splice(target.middle + 1, 0, at);
      Object.assign(this.drag, { point: target.middle + 1, points, moved: true });
      this.shapes = this.shapes.map((one) => (one === shape ? { ...one, points } : one));
    }
    this.select(target.id, this.drag.point ?? null);
    this.draw();
    this.focusKey(this.drag.point === undefined || this.form === "point" ? `shape:${target.id}` : `point:${target.id}:${this.drag.point}`);
  }

  /** What lies under the pointer: first a point of the selected shape, then the middle of one of its sides, then a shape. */
  hit(event, at, reach) {
    const shape = this.shape();
    if (shape && this.form !== "point") {
      const gaps = shape.points.map((point) => Math.hypot((point[0] - at[0]) * this.size.width, (point[1] - at[1]) * this.size.height));
      const k = gaps.indexOf(Math.min(...gaps));
      if (gaps[k] <= reach) return { id: shape.id, point: k };
      if (this.corners()) {
        const side = shape.points.findIndex((point, n) => this.near(middle(point, shape.points[(n + 1) % shape.points.length]), at, reach));
        if (side >= 0) return { id: shape.id, middle: side };
      }
    }
    const key = event.target.closest("[data-key]")?.dataset.key.split(":");
    return key ? { id: Number(key[1]), point: key[0] === "point" ? Number(key[2]) : undefined } : null;
  }

  move(event) {
    const at = this.place(event);
    if (this.pending) {
      this.hover = at;
      return void this.draw();
    }
    if (!this.drag) return;
    const { id, point, points, from } = this.drag;
    if (!this.drag.moved && this.near(at, from, 3)) return;
    this.drag.moved = true;
    const next = point === undefined ? moved(points, at[0] - from[0], at[1] - from[1]) : reshaped(this.form, points, point, at);
    this.shapes = this.shapes.map((one) => (one.id === id ? { ...one, points: next } : one));
    const code = faultOf(this.form, next);
    this.tell(code ? this.say(code) : "");
    this.draw();
  }

  release(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag) return;
    if (drag.drawing && this.pending) return void this.draws(this.place(event), drag);
    if (!drag.moved) return;
    const next = this.shapes;
    const shape = this.shape(drag.id);
    const old = drag.before.find((one) => one.id === drag.id);
    const code = faultOf(this.form, shape.points);
    this.shapes = drag.before;
    if (code && !faultOf(this.form, old.points)) {
      if (drag.middle !== undefined) this.select(drag.id);
      this.refuse(code);
      return void this.draw();
    }
    if (this.form === "box" && drag.point !== undefined) this.select(drag.id, nearest(shape.points, this.place(event)));
    this.commit(next);
  }

  /** The pointer is up while something is being drawn. */
  draws(at, drag) {
    if (this.form === "point") return void this.add([at]);
    if (this.form !== "polygon") {
      const done = !this.near(this.pending[0], at, TAP);
      if (done) this.add(this.form === "line" ? [this.pending[0], at] : boxOf(this.pending[0], at));
      return void (done || this.draw());
    }
    const chain = this.pending;
    if (chain.length > 2 && (this.near(chain[0], at, drag.reach) || this.near(chain.at(-1), at, TAP))) return void this.finishZone();
    if (chain.length && this.near(chain.at(-1), at, TAP)) return void this.draw();
    if (crossesItself([...chain, at], false)) this.refuse("crossing");
    else {
      this.pending = [...chain, at];
      this.tell("");
      if (this.quad && this.pending.length === 4) return void this.finishZone();
    }
    this.draw();
  }

  letGo() {
    if (this.drag?.before) this.shapes = this.drag.before;
    this.drag = null;
    this.draw();
  }

  // --- keyboard ------------------------------------------------------------------------------------------------------------------------

  focused(element) {
    if (!element || this.focusing) return;
    const [kind, id, k] = element.dataset.key.split(":");
    const point = kind === "point" ? Number(k) : null;
    if (this.selected === Number(id) && this.point === point) return;
    this.select(Number(id), point);
    this.draw();
  }

  focusKey(key) {
    this.focusing = true;
    this.root.querySelector(`[data-key="${key}"]`)?.focus({ preventScroll: true });
    this.focusing = false;
  }

  /** Keys stay in the editor: the page around it has shortcuts of its own. */
  key(event) {
    event.stopPropagation();
    const typing = event.target.matches("input, select");
    const command = event.ctrlKey || event.metaKey;
    const letter = event.key.toLowerCase();
    if (command && (letter === "z" || letter === "y") && !typing) {
      event.preventDefault();
      const redo = letter === "y" || event.shiftKey;
      return void this.back(redo ? this.future : this.past, redo ? this.past : this.future);
    }
    if (this.pending && ["Escape", "Enter", "Backspace"].includes(event.key) && !event.target.closest("button")) {
      event.preventDefault();
      if (event.key === "Enter") return void (this.form === "polygon" && this.finishZone());
      if (event.key === "Backspace" && this.pending.length) {
        this.pending = this.pending.slice(0, -1);
        return void this.draw();
      }
      return void this.stopDrawing();
    }
    if (event.key === "Escape" && this.pending) return void this.stopDrawing();
    if (!typing && !event.target.closest("button") && this.shape()) this.shapeKey(event, command);
  }

  shapeKey(event, command) {
    const acts = {
      Delete: () => this.remove(),
      Backspace: () => this.remove(),
      Escape: () => this.deselect(),
      Insert: () => this.addCorner(),
      "+": () => this.addCorner(),
      f: () => this.flip(),
    };
    if (ARROWS[event.key] && !command) this.nudge(ARROWS[event.key], event.shiftKey ? STRIDE : STEP);
    else if (command && event.key.toLowerCase() === "d") this.duplicate();
    else if (acts[event.key] && !command) acts[event.key]();
    else return;
    event.preventDefault();
  }

  deselect() {
    if (this.point !== null) {
      this.select(this.selected);
      this.draw();
      return void this.focusKey(`shape:${this.selected}`);
    }
    this.select(null);
    this.svg.focus({ preventScroll: true });
    this.draw();
  }

  nudge([dx, dy], step) {
    const shape = this.shape();
    const points = this.nudged(shape.points, dx * step, dy * step);
    const code = faultOf(this.form, points);
    if (code && !faultOf(this.form, shape.points)) return void this.refuse(code);
    this.change(shape.id, points, `nudge:${shape.id}:${this.point}`);
  }

  nudged(points, dx, dy) {
    if (this.point === null) return moved(points, dx, dy);
    const [x, y] = points[this.point];
    if (this.form === "box") return stretched(points, this.point, share(x + dx), share(y + dy));
    return reshaped(this.form, points, this.point, [x + dx, y + dy]);
  }
}

/** A box with corner k put elsewhere, which keeps its number: it does not pass the opposite corner. */
function stretched(points, k, x, y) {
  const [fx, fy] = points[(k + 2) % 4];
  const [ox, oy] = points[k];
  const at = [(x - fx) * (ox - fx) > 0 ? x : ox, (y - fy) * (oy - fy) > 0 ? y : oy];
  return boxOf([fx, fy], at);
}

function nearest(points, at) {
  const gaps = points.map((point) => Math.hypot(point[0] - at[0], point[1] - at[1]));
  return gaps.indexOf(Math.min(...gaps));
}

function isDark(colour) {
  const hex = /^#(..)(..)(..)/.exec(colour.trim());
  const parts = hex ? hex.slice(1).map((part) => parseInt(part, 16)) : (colour.match(/\d+/g) ?? [255, 255, 255]).map(Number);
  return parts[0] * 0.299 + parts[1] * 0.587 + parts[2] * 0.114 < 128;
}
