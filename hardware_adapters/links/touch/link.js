// Between the page and the store: a WebSocket that comes back by itself, and IndexedDB for what is shown and what was touched. A touch has a
// number of this page's series, is kept until the store says that it has it, and is sent again, in order, on each new connection.
const ANSWER_MS = 30000;
const HELLO_MS = 6000;
const DRAWN_MS = 3000;
const FIRST_MS = 500;
const LONGEST_MS = 10000;
const MANY = 200;
const REPLACED = 4000;
const REASONS = { 4000: "replaced", 4001: "token", 4002: "unknown" };
const base = new URL("./", location.href);

const asked = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Once two frames are drawn, the first holds what was put on the page before. A browser draws none while the page is hidden.
const drawn = () =>
  new Promise((done, failed) => {
    requestAnimationFrame(() => requestAnimationFrame(done));
    setTimeout(() => failed(new Error("the page is not drawn")), DRAWN_MS);
  });

export class Link {
  // `show(record)` puts a message on the page, `changed()` looks at `state` and `waiting` anew, `arranged()` at `page`, what the store wants
  // of the page, `refused(why)` tells of a touch in vain.
  constructor({ show, changed, arranged, refused }) {
    Object.assign(this, { show, changed, arranged, refused, state: "offline", waiting: 0, offset: 0, wait: FIRST_MS });
    this.screen = decodeURIComponent(base.pathname.split("/").at(-2));
    this.line = null;
    this.showing = Promise.resolve();
    this.sending = Promise.resolve();
  }

  async open() {
    const request = indexedDB.open("touch" + base.pathname, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept");
      request.result.createObjectStore("touches", { autoIncrement: true }); // its numbers are never given twice
    };
    this.data = await asked(request);
    const names = ["token", "series", "store", "last", "cmds", "page", "offset", "shown", "steady", "own"];
    const found = await Promise.all(names.map((name) => this.kept(name)));
    const had = Object.fromEntries(names.map((name, place) => [name, found[place]]));
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) {
      await this.keep("token", given);
      history.replaceState(null, "", location.pathname + location.search);
    }
    const mine = { token: given ?? had.token ?? "", series: had.series ?? newId(), store: had.store ?? "", last: had.last ?? 0 };
    Object.assign(this, mine, { cmds: had.cmds ?? [], page: had.page ?? {}, offset: had.offset ?? 0, shown: had.shown, steady: had.steady });
    this.own = had.own ?? ""; // a session that began here, while the store has named none
    if (!had.series) await this.keep("series", this.series);
    await this.count();
    await navigator.storage?.persist?.();
    addEventListener("online", () => this.again(0));
  }

  // --- what is kept

  async write(name, work) {
    const transaction = this.data.transaction(name, "readwrite", { durability: "strict" });
    const result = asked(work(transaction.objectStore(name)));
    await new Promise((done, failed) => {
      transaction.oncomplete = done;
      transaction.onerror = transaction.onabort = () => failed(transaction.error);
    });
    return result;
  }

  kept = (name) => asked(this.data.transaction("kept").objectStore("kept").get(name));
  keep = (name, value) => this.write("kept", (one) => one.put(value, name));

  async count() {
    this.waiting = await asked(this.data.transaction("touches").objectStore("touches").count());
    this.changed();
  }

  now = () => Date.now() + this.offset;

  // --- touches

  async touch(event) {
    await this.write("touches", (one) => one.add({ time: new Date(this.now()).toISOString(), event }));
    await this.count();
    this.flush();
  }

  flush() {
    this.sending = this.sending.then(() => this.send()).catch((error) => console.error(error));
    return this.sending;
  }

  async send() {
    const line = this.line;
    if (this.state !== "online" || !line) return;
    const store = this.data.transaction("touches").objectStore("touches");
    const range = IDBKeyRange.lowerBound(this.sent, true);
    const [numbers, touches] = await Promise.all([asked(store.getAllKeys(range, MANY)), asked(store.getAll(range, MANY))]);
    for (const [place, number] of numbers.entries()) {
      if (line !== this.line) return;
      const { time, event } = touches[place];
      const told = "seq" in event ? { ...event, seq: number } : event;
      line.send(JSON.stringify({ e: number, series: this.series, time, event: told }));
      this.sent = number;
      this.asked ??= Date.now();
    }
    if (numbers.length === MANY) await this.send();
  }

  async answered(number) {
    if (Number.isInteger(number)) await this.write("touches", (one) => one.delete(number));
    await this.count();
    this.asked = this.waiting ? Date.now() : null;
  }

  // --- the connection

  connect() {
    const where = new URL(base);
    where.protocol = base.protocol === "https:" ? "wss:" : "ws:";
    const line = new WebSocket(where);
    Object.assign(this, { line, sent: 0, asked: null, owed: false });
    this.beat = setTimeout(() => this.lost(line), HELLO_MS);
    line.onopen = () => line.send(JSON.stringify({ hello: { screen: this.screen, token: this.token, series: this.store, last: this.last } }));
    line.onmessage = (message) => this.heard(line, JSON.parse(message.data)).catch((error) => console.error(error));
    line.onclose = (end) => this.lost(line, end.code);
  }

  // A line that is given up may still be half open: what it says no longer counts, and another is tried.
  lost(line, code = 0) {
    if (line !== this.line) return;
    this.line = null;
    clearTimeout(this.beat);
    line.close();
    this.state = REASONS[code] ?? "offline";
    this.changed();
    if (code === REPLACED) return; // two pages would take the place of each other for ever
    this.again(this.state === "offline" ? this.wait * (0.5 + Math.random() / 2) : LONGEST_MS);
    this.wait = Math.min(LONGEST_MS, 2 * this.wait);
  }

  again(wait) {
    clearTimeout(this.next);
    if (!this.line) this.next = setTimeout(() => this.connect(), wait);
  }

  pulse(line) {
    if (line !== this.line) return;
    if (this.owed || (this.asked && Date.now() - this.asked > ANSWER_MS)) {
      this.lost(line);
      return;
    }
    this.owed = true;
    line.send(JSON.stringify({ ping: Date.now() }));
    this.beat = setTimeout(() => this.pulse(line), this.heartbeat);
  }

  async heard(line, told) {
    if (line !== this.line) return;
    if (told.welcome) await this.welcomed(line, told.welcome);
    else if ("pong" in told) this.owed = false;
    else if ("got" in told) await this.answered(told.got);
    else if ("refused" in told) {
      this.refused(told.why);
      await this.answered(told.refused);
    } else if (Number.isInteger(told.n)) {
      this.showing = this.showing.then(() => this.shows(line, told)).catch((error) => console.error(error));
    }
  }

  async welcomed(line, told) {
    clearTimeout(this.beat);
    if (told.series !== this.store) {
      Object.assign(this, { store: told.series, last: 0 });
      await this.keep("store", this.store);
      await this.keep("last", 0);
    }
    const time = Date.parse(told.now ?? "");
    if (!Number.isNaN(time)) {
      this.offset = time - Date.now();
      await this.keep("offset", this.offset);
    }
    if (JSON.stringify(told.page ?? {}) !== JSON.stringify(this.page)) {
      await this.remember("page", told.page ?? {});
      this.arranged();
    }
    Object.assign(this, { state: "online", wait: FIRST_MS, heartbeat: 1000 * told.heartbeat_s });
    this.changed();
    this.pulse(line);
    await this.flush();
  }

  async shows(line, told) {
    const answer = { ack: told.n, state: "shown" };
    const had = told.n <= this.last || this.cmds.includes(told.cmd);
    if (!had) {
      try {
        const record = { n: told.n, cmd: told.cmd, show: told.show, at: this.now() };
        if (told.show.seconds === undefined) await this.remember("steady", record);
        await this.remember("shown", record);
        this.show(record);
        if (document.hidden) throw new Error("the page is hidden");
        await drawn();
        this.cmds = [...this.cmds, told.cmd].slice(-MANY);
        await this.keep("cmds", this.cmds);
      } catch (error) {
        Object.assign(answer, { state: "failed", why: String(error.message) });
      }
    }
    if (answer.state === "shown" && told.n > this.last) {
      this.last = told.n;
      await this.keep("last", told.n);
    }
    if (line === this.line) line.send(JSON.stringify(answer));
  }

  async remember(name, record) {
    this[name] = record;
    await this.keep(name, record);
  }
}
