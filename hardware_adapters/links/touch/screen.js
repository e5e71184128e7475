// Draws what the store shows, and tells what is touched. Texts are put in as texts, never as markup.
import { Link, newId } from "./link.js";
import { BUTTONS, CHOICES, HEADINGS, WORDS } from "./words.js";

const TWICE_MS = 400;
const KEY_MS = 100;
const WARN_S = 10;
const NOTICE_MS = 6000;
const OVER = ["end", "timeout", "leave", "return"];
const BEGIN = ["start", "login"];
const stage = document.getElementById("stage");
const actions = document.getElementById("actions");
const still = document.getElementById("still");
const link = new Link({ show: draw, changed, arranged, refused });
let language = "zh";
let current = null; // what is shown; null on the home screen
let touched = Date.now();
let before = ["", 0];
let notice = "";
let expiry = 0;

const say = (word, more = {}) => Object.entries(more).reduce((text, [key, value]) => text.replace(`{${key}}`, value), WORDS[language][word] ?? word);
const locale = () => (language === "zh" ? "zh-CN" : "en");
const cart = () => link.page.kind === "cart";

function made(name, content = [], more = {}) {
  const { dataset = {}, ...properties } = more;
  const one = Object.assign(document.createElement(name), properties);
  Object.assign(one.dataset, dataset);
  one.append(...[content].flat().filter((part) => part !== null && part !== undefined && part !== ""));
  return one;
}

function money(minor) {
  const format = new Intl.NumberFormat(locale(), { style: "currency", currency: link.page.currency ?? "CNY", currencyDisplay: "narrowSymbol" });
  return format.format(minor / 10 ** format.resolvedOptions().maximumFractionDigits);
}

// --- touches

function session() {
  return current?.show.session ?? link.own;
}

function tell(event) {
  const [same, at] = before;
  const shape = JSON.stringify(event);
  before = [shape, Date.now()];
  touched = Date.now();
  if (same === shape && Date.now() - at < TWICE_MS) return;
  const anew = BEGIN.includes(event.kind) && (current?.show.screen === "closed" || !current?.show.session);
  if (anew || !session()) link.remember("own", newId());
  const told = { session: anew ? link.own : session(), ...(cart() ? { seq: 0 } : {}), ...event };
  link.touch(told).catch((error) => {
    notice = String(error.message);
    changed();
  });
  if (OVER.includes(event.kind)) home();
}

function home() {
  link.remember("own", "");
  language = link.page.language ?? language;
  link.remember("shown", null);
  link.remember("steady", null);
  draw(null);
}

function button(text, event, more = {}) {
  const one = made("button", text, { type: "button", ...more });
  one.addEventListener("click", () => {
    one.classList.add("pressed");
    setTimeout(() => one.classList.remove("pressed"), TWICE_MS);
    tell(event);
  });
  return one;
}

function valid(code) {
  if (!/^(\d{8}|\d{12,14})$/.test(code)) return false;
  return [...code].reverse().reduce((sum, digit, place) => sum + Number(digit) * (place % 2 ? 3 : 1), 0) % 10 === 0;
}

function scanned(code) {
  const named = valid(code) ? { gtin: code } : { [cart() ? "code" : "value"]: code };
  tell({ kind: cart() ? "add" : "scan", ...named, ...(cart() ? { qty: 1 } : {}) });
}

// --- parts of a screen

function chosen(item, params) {
  const values = Object.fromEntries(["piece", "plate"].filter((name) => params[name] !== undefined).map((name) => [name, params[name]]));
  return { kind: cart() ? "tap" : "choose", gtin: item.gtin, ...(Object.keys(values).length ? { values } : {}) };
}

function picture(item) {
  if (!/^(https?:|data:image\/)/.test(item.image ?? "")) return null;
  const one = made("img", [], { src: item.image, alt: "", width: 96, height: 96 });
  one.addEventListener("error", () => one.remove());
  return one;
}

function figures(item) {
  const grams = item.net_g ?? item.weight_g;
  const weight = grams ? `${(grams / 1000).toFixed(3)} kg` : "";
  const price = item.amount ?? item.price;
  return [weight, price === undefined || price === null ? "" : money(price)].filter(Boolean).join(" · ");
}

function choices(items, params) {
  const shown = items.map((item) => button([picture(item), made("b", item.name ?? item.gtin), made("span", figures(item))], chosen(item, params)));
  return made("div", shown, { className: "grid" });
}

function lines(items) {
  const rows = items.map((item) => {
    const off = item.discount ? made("p", say("off", { amount: money(item.discount) })) : null;
    const each = item.price !== undefined && (item.qty ?? 1) !== 1 ? made("p", say("each", { amount: money(item.price) })) : null;
    const name = made("td", [made("b", item.name ?? item.gtin ?? ""), each, off]);
    return made("tr", [name, made("td", item.qty === undefined ? "" : `× ${item.qty}`), made("td", figures(item))]);
  });
  return made("table", made("tbody", rows), { className: "lines" });
}

function code(text, caption) {
  const name = made("figcaption", [made("p", caption), made("b", text)]);
  const image = made("img", [], { alt: text, src: `code.svg?text=${encodeURIComponent(text)}` });
  image.addEventListener("error", () => image.remove()); // without the network the text alone stands there
  return made("figure", [image, name]);
}

function keypad() {
  const shown = made("output", "");
  const key = (text, press, more = {}) => {
    const one = made("button", text, { type: "button", ...more });
    one.addEventListener("click", () => {
      touched = Date.now();
      press();
    });
    return one;
  };
  const digit = (one) => key(one, () => (shown.textContent = (shown.textContent + one).slice(0, 14)));
  const erase = key(say("erase"), () => (shown.textContent = shown.textContent.slice(0, -1)));
  const enter = key(say("enter"), () => {
    if (shown.textContent) tell(cart() ? { kind: "add", code: shown.textContent, qty: 1 } : { kind: "choose", value: shown.textContent });
    shown.textContent = "";
  }, { className: "first" });
  return made("div", [shown, ..."123456789".split("").map(digit), erase, digit("0"), enter], { className: "keys" });
}

function details(params) {
  const time = params.start && !Number.isNaN(Date.parse(params.start)) ? new Date(params.start) : null;
  const named = { taken: params.taken, of: params.of, left: params.left, wait_min: params.wait_min, room: params.room, kcal: params.kcal };
  named.start_at = time?.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
  const rows = Object.entries(named).filter(([, value]) => value !== undefined && value !== null);
  return rows.length ? made("dl", rows.flatMap(([name, value]) => [made("dt", say(name)), made("dd", String(value))])) : null;
}

function heading(show) {
  const word = HEADINGS[show.screen];
  const translated = word ? say(word) : null;
  const other = language !== (link.page.language ?? language);
  const first = (other ? translated ?? show.text : show.text ?? translated) ?? "";
  const second = other && show.text && show.text !== first ? made("p", show.text) : null;
  return [first ? made("h1", first) : null, second];
}

function parts(show) {
  const params = show.params ?? {};
  const items = show.items ?? params.items ?? params.lines ?? [];
  const choice = CHOICES.includes(show.screen);
  const total = params.total ?? show.total;
  return [
    ...heading(show),
    params.ticket === undefined ? null : made("div", String(params.ticket), { className: "big" }),
    items.length ? (choice ? choices(items, params) : lines(items)) : null,
    total === undefined ? null : made("div", [made("span", say("total")), made("b", money(total))], { className: "total" }),
    details(params),
    show.route?.length ? made("ol", show.route.map((stop) => made("li", stop)), { ariaLabel: say("route") }) : null,
    show.coupon ? code(show.coupon, say("coupon")) : null,
    show.code ? code(show.code, say("scan_here")) : null,
    params.search || show.screen === "keys" ? keypad() : null,
  ].filter(Boolean);
}

// --- the screen

function event(kind, show) {
  const params = show?.params ?? {};
  const total = params.total ?? show?.total;
  if (kind === "help" && !cart()) return { kind, need: "help" };
  if (kind === "confirm" && params.purpose) return { kind, value: params.purpose };
  if (kind === "offer" && show.coupon) return { kind, value: show.coupon };
  if (kind === "pay" && total !== undefined) return { kind, [cart() ? "total" : "amount"]: total };
  return { kind };
}

function buttons(show) {
  if (!link.page.kind || show?.closed || show?.resume === false) return [];
  if (show?.screen === "rate") return [1, 2, 3, 4, 5].map((stars) => button("★".repeat(stars), { kind: "rate", value: String(stars) }));
  const kind = cart() ? "cart" : "kiosk";
  const screen = show?.screen ?? "home";
  const kinds = link.page.buttons?.[screen] ?? BUTTONS[kind][screen] ?? ["help"];
  return kinds.map((one, place) => button(say(one), event(one, show), { className: place || one === "help" ? "" : "first", dataset: { kind: one } }));
}

function draw(record) {
  clearTimeout(expiry);
  if (record?.show.seconds !== undefined) {
    const left = record.at + 1000 * record.show.seconds - link.now();
    if (left <= 0) {
      draw(link.steady && link.steady.n !== record.n && link.steady.show.session === record.show.session ? link.steady : null);
      return;
    }
    expiry = setTimeout(() => draw(record), left);
  }
  current = record;
  touched = Date.now();
  const show = record?.show;
  const shown = show?.closed ? [made("h1", show.text ?? say("closed"))] : show ? parts(show) : [made("h1", say("home")), made("p", say("touch"))];
  const listed = shown.some((one) => one.matches(".grid, .lines, .keys"));
  stage.className = listed ? "" : "centred";
  stage.replaceChildren(...shown);
  stage.scrollTop = 0;
  actions.replaceChildren(...buttons(show));
  document.body.dataset.screen = show?.screen ?? "home";
  changed();
}

function changed() {
  document.documentElement.lang = language;
  document.body.dataset.link = link.state;
  document.body.dataset.waiting = String(link.waiting);
  const waiting = link.waiting && link.state !== "online" ? say("waiting", { n: link.waiting }) : "";
  document.getElementById("state").textContent = [notice, say(link.state), waiting].filter(Boolean).join(" · ");
  document.getElementById("language").textContent = language === "zh" ? "English" : "中文";
}

function arranged() {
  language = link.page.language ?? language;
  draw(current);
}

function refused(why) {
  console.error("refused", why);
  notice = say("refused");
  changed();
  setTimeout(() => {
    notice = "";
    changed();
  }, NOTICE_MS);
}

// --- a session that nobody goes on with

function look() {
  const quiet = (Date.now() - touched) / 1000;
  const limit = link.page.idle_s ?? 0;
  const may = limit > 0 && session() && !current?.show.closed && stage.parentNode.querySelector("main button, footer button");
  const left = Math.ceil(limit - quiet);
  if (!may || left > Math.min(WARN_S, limit / 2)) {
    if (still.open) still.close();
  } else if (left > 0) {
    const stay = made("button", say("stay"), { type: "button", className: "first" });
    stay.addEventListener("click", () => still.close());
    still.replaceChildren(made("h1", say("still")), made("p", say("leaving", { n: left })), stay);
    if (!still.open) still.showModal();
  } else {
    still.close();
    tell({ kind: "timeout" });
  }
}

function listen() {
  let keys = "";
  let last = 0;
  addEventListener("keydown", (pressed) => {
    keys = pressed.timeStamp - last > KEY_MS ? "" : keys; // a scanner that plays a keyboard types faster than any hand
    last = pressed.timeStamp;
    if (pressed.key === "Enter" && keys.length > 3) {
      pressed.preventDefault();
      scanned(keys);
      keys = "";
    } else if (pressed.key.length === 1) keys += pressed.key;
  });
  addEventListener("pointerdown", () => (touched = Date.now()));
  addEventListener("contextmenu", (asked) => asked.preventDefault());
  document.getElementById("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    draw(current);
  });
  document.getElementById("state").addEventListener("click", () => {
    if (link.state === "replaced") link.again(0);
  });
  document.addEventListener("visibilitychange", () => document.hidden || link.again(0));
  setInterval(look, 1000);
}

async function begin() {
  await link.open();
  language = link.page.language ?? (navigator.language.startsWith("zh") ? "zh" : "en");
  draw(link.shown ?? null);
  listen();
  link.connect();
  await navigator.serviceWorker?.register("sw.js").catch((error) => console.warn("no service worker", error));
}

begin().catch((error) => {
  console.error(error);
  stage.replaceChildren(made("h1", `屏幕无法启动 · The screen cannot start: ${error.message}`));
});
