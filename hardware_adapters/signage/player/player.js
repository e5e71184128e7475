// Plays the schedule of a screen, with the network and without it. Schedule, files and reports lie in IndexedDB, which browsers also give to
// pages over plain HTTP; the service worker, which they do not, only lets the page itself open while the network is away.
"use strict";
(() => {
  const LOOK_MS = 100;
  const IDLE_MS = 1000;
  const ANSWER_MS = 10000;
  const FILE_MS = 600000;
  const BATCH = 100;
  const base = new URL("./", location.href);
  const stage = document.getElementById("stage");
  const faults = new Set();
  const at = new Map(); // entry id -> the item that is next
  let schedule = null;
  let token = "";
  let player = "";
  let offset = 0; // store time - this machine's time, ms
  let poll = 5000;

  // --- what is kept

  const asked = (request) =>
    new Promise((done, failed) => {
      request.onsuccess = () => done(request.result);
      request.onerror = () => failed(request.error);
    });

  const opened = new Promise((done, failed) => {
    const request = indexedDB.open("player" + base.pathname, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept");
      request.result.createObjectStore("files");
      request.result.createObjectStore("reports", { autoIncrement: true }); // its numbers are never given twice
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

  async function store(name, mode, work) {
    const transaction = (await opened).transaction(name, mode, { durability: "strict" });
    const result = await work(transaction.objectStore(name));
    if (mode === "readwrite") {
      await new Promise((done, failed) => {
        transaction.oncomplete = done;
        transaction.onerror = transaction.onabort = () => failed(transaction.error);
      });
    }
    return result;
  }

  const kept = (key) => store("kept", "readonly", (one) => asked(one.get(key)));
  const keep = (key, value) => store("kept", "readwrite", (one) => void one.put(value, key));

  function newId() {
    const bytes = crypto.getRandomValues(new Uint8Array(12));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  // --- the store

  function call(path, options = {}, ms = ANSWER_MS) {
    const headers = { ...(options.headers ?? {}), ...(token ? { Authorization: "Bearer " + token } : {}) };
    return fetch(new URL(path, base), { ...options, headers, cache: "no-store", signal: AbortSignal.timeout(ms) });
  }

  async function look(queued) {
    const query = new URLSearchParams({ player, queued: String(queued), faults: [...faults].join(",") });
    const headers = schedule ? { "If-None-Match": `"${schedule.version}"` } : {};
    const before = Date.now();
    const answer = await call("schedule?" + query, { headers });
    const time = Date.parse(answer.headers.get("X-Store-Time") ?? "");
    if (!Number.isNaN(time)) {
      offset = time - (before + Date.now()) / 2;
      await keep("offset", offset);
    }
    if (answer.status === 200) {
      const found = await answer.json();
      await keep("schedule", found);
      schedule = found;
      poll = 1000 * (found.poll_s ?? 5);
    }
  }

  async function fetchFiles() {
    const wanted = new Map();
    for (const entry of schedule?.entries ?? []) {
      for (const item of entry.items) {
        if (item.media) wanted.set(item.media.hash, item.media);
      }
    }
    const there = new Set(await store("files", "readonly", (one) => asked(one.getAllKeys())));
    for (const hash of there) {
      if (!wanted.has(hash)) await store("files", "readwrite", (one) => void one.delete(hash));
    }
    for (const [hash, media] of wanted) {
      if (there.has(hash)) continue;
      const answer = await call(media.url, {}, FILE_MS);
      if (answer.ok) {
        const file = await answer.blob();
        await store("files", "readwrite", (one) => void one.put(file, hash));
      }
    }
  }

  async function sendReports() {
    for (;;) {
      const [numbers, reports] = await store("reports", "readonly", (one) =>
        Promise.all([asked(one.getAllKeys(null, BATCH)), asked(one.getAll(null, BATCH))]),
      );
      if (numbers.length === 0) return;
      const body = JSON.stringify({ reports: reports.map((report, place) => ({ ...report, player, number: numbers[place] })) });
      const answer = await call("played", { method: "POST", headers: { "Content-Type": "application/json" }, body });
      if (answer.status !== 200 && answer.status !== 422) return;
      const told = await answer.json();
      const done = [...told.taken, ...told.refused].filter((number) => Number.isInteger(number));
      if (told.refused.length) console.error("reports refused", told.refused, told.why);
      if (done.length === 0) return;
      await store("reports", "readwrite", (one) => done.forEach((number) => one.delete(number)));
    }
  }

  async function talk() {
    for (;;) {
      try {
        await look(await store("reports", "readonly", (one) => asked(one.count())));
        await sendReports();
        await fetchFiles();
      } catch (error) {
        console.warn("the store is away", error); // tried again at the next look
      }
      await new Promise((done) => setTimeout(done, poll));
    }
  }

  // --- the screen

  const now = () => Date.now() + offset;

  function chosen() {
    const time = now();
    let best = null;
    for (const entry of schedule?.entries ?? []) {
      if (entry.from && Date.parse(entry.from) > time) continue;
      if (entry.to && Date.parse(entry.to) <= time) continue;
      if (!best || entry.priority > best.priority || (entry.priority === best.priority && entry.number > best.number)) best = entry;
    }
    return best;
  }

  function shownText(item) {
    const words = document.createElement("p");
    words.textContent = item.text ?? item.params?.text ?? item.params?.name ?? item.asset;
    return words;
  }

  async function made(item) {
    if (!item.media) return { element: shownText(item), done() {} };
    const file = await store("files", "readonly", (one) => asked(one.get(item.media.hash)));
    if (!file) return item.text ? { element: shownText(item), done() {} } : null;
    const url = URL.createObjectURL(file);
    const done = () => URL.revokeObjectURL(url);
    const element = document.createElement(item.media.kind === "video" ? "video" : "img");
    try {
      if (item.media.kind === "video") {
        Object.assign(element, { muted: true, autoplay: true, loop: true, playsInline: true, src: url });
        await new Promise((ready, failed) => {
          element.oncanplay = ready;
          element.onerror = failed;
          setTimeout(failed, ANSWER_MS);
        });
        await element.play();
      } else {
        element.src = url;
        await element.decode();
      }
    } catch {
      done();
      return null;
    }
    return { element, done };
  }

  async function show(entry, item) {
    const ready = await made(item);
    if (!ready) {
      faults.add(item.asset);
      return false;
    }
    faults.delete(item.asset);
    stage.replaceChildren(ready.element);
    stage.dataset.asset = item.asset;
    stage.dataset.entry = entry.id;
    const started = new Date(now()).toISOString();
    const began = performance.now();
    let seen = !document.hidden;
    const length = 1000 * item.duration_s;
    while (performance.now() - began < length && chosen()?.id === entry.id) {
      await new Promise((done) => setTimeout(done, Math.min(LOOK_MS, length - (performance.now() - began))));
      seen = seen && !document.hidden;
    }
    const took = Math.min(length, performance.now() - began);
    const report = { asset: item.asset, started, duration_s: Math.round(took) / 1000, complete: seen && took >= length, entry: entry.id };
    if (item.campaign) report.campaign = item.campaign;
    await store("reports", "readwrite", (one) => void one.add(report));
    ready.done();
    return true;
  }

  function wait(words) {
    const element = document.createElement("p");
    element.className = "waiting";
    element.textContent = words;
    stage.replaceChildren(element);
    delete stage.dataset.asset;
    delete stage.dataset.entry;
  }

  async function play() {
    let failed = 0;
    for (;;) {
      const entry = chosen();
      if (entry) {
        const place = (at.get(entry.id) ?? 0) % entry.items.length;
        at.set(entry.id, place + 1);
        failed = (await show(entry, entry.items[place])) ? 0 : failed + 1;
      }
      if (!entry || failed >= entry.items.length) {
        wait("等待播放内容 · Waiting for content");
        failed = 0;
        await new Promise((done) => setTimeout(done, IDLE_MS));
      }
    }
  }

  async function begin() {
    const given = new URLSearchParams(location.hash.slice(1)).get("token");
    if (given) {
      await keep("token", given);
      history.replaceState(null, "", location.pathname + location.search);
    }
    token = (await kept("token")) ?? "";
    player = await kept("player");
    if (!player) {
      player = newId();
      await keep("player", player);
    }
    schedule = (await kept("schedule")) ?? null;
    offset = (await kept("offset")) ?? 0;
    poll = 1000 * (schedule?.poll_s ?? 5);
    await navigator.storage?.persist?.();
    if (navigator.serviceWorker) {
      await navigator.serviceWorker.register("sw.js").catch((error) => console.warn("no service worker", error));
    }
    talk();
    play().catch((error) => {
      console.error(error);
      setTimeout(() => location.reload(), ANSWER_MS);
    });
  }

  begin().catch((error) => {
    console.error(error);
    wait("播放器无法启动 · The player cannot start: " + error.message);
  });
})();
