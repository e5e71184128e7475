// How the editor shows itself: the picture with its overlay, the buttons, and the list of shapes with their fields.

const VIEWS = {
  /** The picture as wide as there is room, and no higher than most of the window. */
  layout() {
    const { naturalWidth: w, naturalHeight: h } = this.image;
    const shape = this.picture && w && h ? w / h : 16 / 9;
    const width = Math.max(200, Math.min(this.root.clientWidth, Math.max(320, window.innerHeight * 0.72) * shape));
    this.size = { width, height: width / shape };
    this.stage.style.width = `${width}px`;
    this.stage.style.height = `${this.size.height}px`;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.size.height}`);
    if (this.roomFor !== `${this.root.clientWidth} ${this.worded}`) {
      this.roomFor = `${this.root.clientWidth} ${this.worded}`;
      this.keepRoom();
    }
    this.draw();
  },

  title(shape) {
    const n = this.shapes.indexOf(shape) + 1;
    return `${this.say(this.form)} ${n}`;
  },

  look(shape) {
    const n = this.shapes.indexOf(shape);
    const selected = shape.id === this.selected && !this.pending;
    const name = shape.rest?.[this.fields.find((field) => field.type === "text")?.key];
    const title = name ? `${n + 1} ${name}` : `${n + 1}`;
    return {
      form: this.form,
      selected,
      bad: faultOf(this.form, shape.points) !== null,
      colour: COLOURS[n % COLOURS.length],
      text: this.single ? "" : title,
      inward: this.say("in"),
      middles: this.corners() && !this.drag,
      point: this.point,
      spoken: `${this.title(shape)} ${name ?? ""}: ${this.placeText(shape)}`,
      pointSpoken: (k) => `${this.title(shape)}, ${this.pointName(k)}: ${shape.points[k].map((v) => v.toFixed(3)).join(", ")}`,
    };
  },

  pointName(k) {
    if (this.form === "line") return this.say(k ? "end" : "start");
    return this.say("corner", { k: k + 1 });
  },

  placeText(shape) {
    const text = shape.points.map((point) => point.map((v) => v.toFixed(3)).join(", "));
    return this.form === "line" ? text.join(" → ") : text.join(" · ");
  },

  /** Draw all of it; what had the focus has it again. */
  draw() {
    if (!this.size) return;
    const focus = this.root.getRootNode().activeElement?.dataset?.key;
    const drawing = this.pending !== null;
    this.stage.classList.toggle("drawing", drawing);
    this.svg.setAttribute("aria-label", this.say("area", { n: this.shapes.length }));
    const looks = this.shapes.map((shape) => [shape, this.look(shape)]);
    const seen = looks.map(([shape, look]) => shapeNode(shape.points, look, this.size));
    const keys = looks.flatMap(([shape, look]) => focusNodes(shape, look, this.size));
    const chosen = looks.find(([, look]) => look.selected);
    const front = node("g", { class: "front" });
    if (chosen && this.form !== "point") front.append(...handleNodes(chosen[0].points, chosen[1], this.size));
    if (drawing) front.append(...this.pendingNodes());
    this.svg.replaceChildren(...seen, ...keys, front);
    keepLabelsInside(this.svg, this.size);
    if (focus?.startsWith("shape:") || focus?.startsWith("point:")) this.focusKey(focus);
    this.drawBar();
    this.drawList();
  },

  /** What is being drawn, with the side that would be next; red where it would cross. */
  pendingNodes() {
    const chain = this.hover ? [...this.pending, this.hover] : this.pending;
    const look = { form: this.form, colour: "#ffffff", open: true, selected: true, inward: this.say("in"), point: null, middles: false };
    if (this.form === "polygon") {
      const closing = this.pending.length > 2 && this.hover && this.near(this.pending[0], this.hover, TAP * 2);
      look.bad = !closing && crossesItself(chain, false);
    }
    const points = this.form === "box" && chain.length === 2 ? boxOf(...chain) : chain;
    look.open = this.form !== "box";
    const shown = points.length > 1 && this.form !== "point" ? [shapeNode(points, look, this.size)] : [];
    return [...shown, ...handleNodes(this.pending, look, this.size)];
  },

  buildBar() {
    const acts = {
      draw: (event) => (this.pending ? this.stopDrawing() : this.startDrawing(event.detail === 0)),
      finish: () => this.finishZone(),
      cancel: () => this.stopDrawing(),
      undo: () => this.back(this.past, this.future),
      redo: () => this.back(this.future, this.past),
      flip: () => this.flip(),
      add_corner: () => this.addCorner(),
      duplicate: () => this.duplicate(),
      delete: () => this.remove(),
    };
    const made = Object.entries(acts).map(([name, act]) => {
      const icon = node("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, node("path", { d: ICONS[name] }));
      const word = this.say(name === "draw" ? `draw_${this.form}` : name);
      const button = html("button", { type: "button", "data-act": name, "aria-label": word, title: word }, icon, html("span", {}, word));
      button.addEventListener("click", act);
      return button;
    });
    made[0].classList.add("main");
    this.bar.setAttribute("aria-label", this.say(`draw_${this.form}`));
    this.bar.replaceChildren(...made);
  },

  drawBar() {
    const drawing = this.pending !== null;
    const one = Boolean(this.shape()) && !drawing;
    const shown = {
      finish: drawing && this.form === "polygon" && !this.quad,
      cancel: drawing,
      undo: !drawing,
      redo: !drawing,
      flip: !drawing && this.form === "line",
      add_corner: !drawing && this.corners(),
      duplicate: !drawing && !this.single && this.form !== "point",
      delete: !drawing,
    };
    const enabled = {
      finish: this.pending?.length > 2,
      undo: this.past.length > 0,
      redo: this.future.length > 0,
      flip: one,
      add_corner: one && this.point !== null,
      duplicate: one,
      delete: one,
    };
    for (const button of this.bar.children) {
      const act = button.dataset.act;
      button.hidden = shown[act] === false;
      button.disabled = act in enabled && !enabled[act];
    }
    this.bar.firstChild.setAttribute("aria-pressed", String(drawing));
    const [drawn, selecting] = this.hints();
    this.hint.textContent = drawing ? drawn : this.shapes.length ? selecting : this.say("empty");
    if (!drawing) this.bar.style.minHeight = `${this.bar.scrollHeight}px`;
  },

  hints() {
    const selecting = this.say("hint_select");
    return [this.say(`hint_${this.form}`), this.form === "line" ? `${this.say("said_in")} ${selecting}` : selecting];
  },

  /** Room for the longest hint and for all buttons, so that the picture never jumps while somebody draws. */
  keepRoom() {
    this.bar.style.minHeight = this.hint.style.minHeight = "";
    const heights = this.hints().map((text) => {
      this.hint.textContent = text;
      return this.hint.offsetHeight;
    });
    this.hint.style.minHeight = `${Math.max(...heights)}px`;
  },

  /** The list is made anew only when shapes come or go, so that nobody loses what is being typed. */
  drawList() {
    const listed = this.shapes.map((shape) => shape.id).join();
    if (this.listed !== listed) {
      this.listed = listed;
      this.list.replaceChildren(...this.shapes.map((shape) => this.item(shape.id)));
    }
    this.shapes.forEach((shape, n) => this.fill(this.list.children[n], shape));
  },

  item(id) {
    const name = html("button", { type: "button", class: "name", "data-key": `name:${id}` });
    name.addEventListener("click", () => {
      this.select(id);
      this.draw();
      this.focusKey(`shape:${id}`);
    });
    const made = html("li", { class: "item" }, name);
    const all = this.form === "point" ? this.metreFields() : this.shape(id).rest === null ? [] : this.fields;
    for (const field of all) made.append(this.input(id, field));
    made.append(html("span", { class: "place" }));
    return made;
  },

  metreFields() {
    return ["x", "y"].map((key) => ({ key, title: this.say(`metres_${key}`), type: "number", options: [] }));
  },

  input(id, field) {
    const type = { number: "number", switch: "checkbox" }[field.type] ?? "text";
    const made = field.type === "choice" ? html("select") : html("input", { type });
    made.dataset.key = `field:${id}:${field.key}`;
    if (field.type === "choice") made.append(...field.options.map((one, at) => html("option", { value: JSON.stringify(one) }, field.labels[at] ?? String(one))));
    if (field.type === "number") made.step = "any";
    made.addEventListener("change", () => this.enter(id, field, made));
    const label = field.type === "switch" ? html("label", { class: "switch" }, made, field.title) : html("label", {}, field.title, made);
    if (field.key === "name" && this.names.length) {
      made.setAttribute("list", `names-${id}`);
      label.append(html("datalist", { id: `names-${id}` }, ...this.names.map((one) => html("option", { value: one }))));
    }
    return label;
  },

  /** A field was filled in. */
  enter(id, field, element) {
    const shape = this.shape(id);
    const text = element.value.trim();
    let value = text;
    if (field.type === "switch") value = element.checked;
    else if (field.type === "choice") value = JSON.parse(text);
    else if (field.type === "number") value = text === "" ? null : Number(text);
    if (this.form === "point") {
      const typed = { x: shape.floor?.[0] ?? null, y: shape.floor?.[1] ?? null, ...shape.typed, [field.key]: value };
      const floor = typed.x === null || typed.y === null ? null : [typed.x, typed.y];
      this.commit(this.shapes.map((one) => (one.id === id ? { ...one, typed, floor } : one)));
      return;
    }
    const rest = { ...shape.rest };
    if (value === null || value === "") delete rest[field.key];
    else rest[field.key] = value;
    this.commit(this.shapes.map((one) => (one.id === id ? { ...one, rest } : one)));
  },

  /** Bring an item of the list up to date, all but the field that is being filled in. */
  fill(item, shape) {
    const look = this.look(shape);
    item.classList.toggle("selected", look.selected);
    item.classList.toggle("bad", look.bad || (this.form === "point" && !shape.floor));
    const swatch = html("span", { class: "swatch", style: `--colour:${look.colour}` });
    item.firstChild.replaceChildren(swatch, ` ${this.title(shape)}`);
    item.querySelector(".place").textContent = this.form === "point" && !shape.floor ? this.say("no_metres") : this.placeText(shape);
    const held = this.form === "point" ? { x: shape.floor?.[0], y: shape.floor?.[1], ...shape.typed } : shape.rest ?? {};
    const active = this.root.getRootNode().activeElement;
    for (const input of item.querySelectorAll("input, select")) {
      const key = input.dataset.key.split(":")[2];
      const value = held[key] ?? this.fields.find((field) => field.key === key)?.default;
      if (input === active) continue;
      if (input.type === "checkbox") input.checked = value === true;
      else if (input.nodeName === "SELECT") input.value = JSON.stringify(value ?? null);
      else input.value = value ?? "";
    }
  },
};

Object.assign(Editor.prototype, VIEWS);

const editors = new WeakMap();

/** Streamlit calls this when the editor is placed and whenever Python has something new to say. */
export default function show(component) {
  const place = component.parentElement;
  if (!editors.has(place)) editors.set(place, new Editor(place.querySelector(".editor")));
  editors.get(place).update(component);
  return () => {
    editors.get(place)?.close();
    editors.delete(place);
  };
}
