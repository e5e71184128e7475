// Keeps the page itself, so that it opens again while the network is away. Schedule, files and reports are the page's own affair.
"use strict";
const SHELL = ["./", "player.js"];
const CACHE = "shell";
const NETWORK_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

async function shell(url) {
  const cache = await caches.open(CACHE);
  try {
    const found = await fetch(url, { cache: "no-cache", signal: AbortSignal.timeout(NETWORK_MS) });
    if (found.ok) {
      await cache.put(url, found.clone());
      return found;
    }
  } catch {
    // away: what is kept serves
  }
  return (await cache.match(url)) ?? Response.error();
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const scope = new URL(self.registration.scope);
  const own = SHELL.map((path) => new URL(path, scope).pathname);
  if (event.request.method === "GET" && url.origin === scope.origin && own.includes(url.pathname)) {
    event.respondWith(shell(scope.origin + url.pathname));
  }
});
