// Keeps the page's own files, so that it opens again while the network is away. What it shows and what was touched is the page's affair.
"use strict";
const CACHE = "touch";
const OWN = ["./", "link.js", "screen.js", "words.js"];
const NETWORK_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(OWN)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function newest(url) {
  const cache = await caches.open(CACHE);
  const found = await fetch(url, { cache: "no-cache", signal: AbortSignal.timeout(NETWORK_MS) }).catch(() => null);
  if (found?.ok) {
    await cache.put(url, found.clone());
    return found;
  }
  return (await cache.match(url)) ?? Response.error();
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const own = OWN.map((name) => new URL(name, self.registration.scope).href);
  url.search = "";
  if (event.request.method === "GET" && own.includes(url.href)) event.respondWith(newest(url.href));
});
